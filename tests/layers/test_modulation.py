"""Modulated convolutions against weights that are made for each image."""

import math

import pytest
import torch
from torch import Tensor
from torch.nn.functional import conv2d

from ganforge.layers.modulation import ModulatedConv2d
from ganforge.layers.resampling import UpsampledConvolution

CASES = pytest.mark.parametrize(
    ("size", "doubled", "deviation"),
    [(3, False, 1.0), (3, False, math.sqrt(2)), (3, True, 0.5), (1, False, None), (1, False, 1.0)],
)


def image_by_image(layer: ModulatedConv2d, features: Tensor, style: Tensor, shift: Tensor) -> Tensor:
    """Equations 1 and 3 of Karras et al. 2020, literally."""
    size, outputs = layer.weight.shape[-1], []
    for one, scales in zip(features, style, strict=True):
        weight = layer.weight * scales[None, :, None, None]
        if layer.deviation is None:
            weight = weight / math.sqrt(weight[0].numel())
        else:
            weight = layer.deviation * weight / (weight.square().sum((1, 2, 3), keepdim=True) + 1e-8).sqrt()
        if layer.upsampled is None:
            outputs.append(conv2d(one[None], weight, None, 1, size // 2))
        else:
            outputs.append(UpsampledConvolution().double()(one[None], weight))
    return torch.cat(outputs) + shift


@CASES
def test_scaled_features_are_as_good_as_scaled_weights(size: int, doubled: bool, deviation: float | None) -> None:
    layer = ModulatedConv2d(4, 5, size, doubled, deviation).double()
    features = torch.randn(3, 4, 6, 6, dtype=torch.float64, requires_grad=True)
    style = torch.randn(3, 4, dtype=torch.float64, requires_grad=True)
    shift = torch.randn(5, 1, 1, dtype=torch.float64, requires_grad=True)
    inputs = [features, style, shift, layer.weight]
    ours, expected = layer(features, style, shift), image_by_image(layer, features, style, shift)
    assert torch.allclose(ours, expected, atol=1e-12)
    direction = torch.randn_like(expected)
    first = [torch.autograd.grad((y * direction).sum(), inputs, create_graph=True) for y in (ours, expected)]
    for found, true in zip(*first, strict=True):
        assert torch.allclose(found, true, atol=1e-12)
    second = [torch.autograd.grad(sum(g.square().sum() for g in gradients), inputs[:2]) for gradients in first]
    for found, true in zip(*second, strict=True):
        assert torch.allclose(found, true, atol=1e-9)


def test_demodulated_outputs_have_the_deviation_whatever_the_style() -> None:
    layer = ModulatedConv2d(64, 512, 3, deviation=2.0)
    features = torch.randn(4, 64, 16, 16)
    for style in (torch.full((4, 64), 1e-2), 100 * torch.randn(4, 64)):
        assert layer(features, style, torch.zeros(()))[..., 1:-1, 1:-1].std().item() == pytest.approx(2, rel=0.05)


def test_a_style_of_zeros_leaves_the_shift() -> None:
    layer = ModulatedConv2d(4, 5, 3)
    shift = torch.randn(5, 1, 1)
    assert torch.equal(layer(torch.randn(2, 4, 8, 8), torch.zeros(2, 4), shift), shift.expand(2, 5, 8, 8))


@pytest.mark.parametrize("doubled", [False, True])
def test_half_precision_is_that_of_the_features(doubled: bool) -> None:
    layer = ModulatedConv2d(16, 16, 3, doubled)
    features, style, shift = torch.randn(2, 16, 8, 8), torch.randn(2, 16) + 1, torch.randn(2, 1, 1, 1)
    exact = layer(features, style, shift)
    with torch.autocast("cpu", torch.bfloat16):
        rough = layer(features, style, shift)
    assert rough.dtype == torch.bfloat16
    assert (rough - exact).abs().mean() < 0.01 * exact.std()
