"""Matrix products against the convolutions that they stand for."""

from typing import Any

import pytest
import torch
from torch import nn

from ganforge.layers.convolution import FromPixel, ToPixel


@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize(
    ("kind", "reference", "shape"),
    [(ToPixel, nn.Conv2d, (5, 6, 4, 3)), (FromPixel, nn.ConvTranspose2d, (5, 6, 1, 1))],
)
def test_values_and_gradients_are_those_of_the_convolution(
    kind: Any, reference: Any, shape: tuple[int, ...], bias: bool, memory_format: torch.memory_format
) -> None:
    layer = kind(6, 2, (4, 3), bias=bias).double().to(memory_format=memory_format)
    other = reference(6, 2, (4, 3), bias=bias).double()
    other.load_state_dict(layer.state_dict())
    image = torch.randn(shape, dtype=torch.float64).to(memory_format=memory_format).requires_grad_()
    results = []
    for module in (layer, other):
        output = module(image)
        gradients = torch.autograd.grad(output.square().sum(), [image, *module.parameters()])
        results.append([output, *gradients])
    torch.testing.assert_close(*results, rtol=1e-12, atol=1e-12)


def test_the_layout_of_images_is_kept() -> None:
    image = FromPixel(6, 2, 4).to(memory_format=torch.channels_last)(torch.randn(5, 6, 1, 1))
    assert image.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("kind", [ToPixel, FromPixel])
@pytest.mark.parametrize("argument", ["stride", "padding", "dilation", "groups", "padding_mode"])
def test_what_would_be_ignored_is_no_argument(kind: Any, argument: str) -> None:
    with pytest.raises(TypeError, match=argument):
        kind(6, 2, 4, **{argument: 2})
