"""Convolutions beside a change of resolution, and blocks, against the operations that they stand for."""

import math
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, interpolate, relu

from ganforge.layers.normalization import ClassBatchNorm2d
from ganforge.layers.residual import DownBlock, UpBlock, doubled_before, halved_after, same
from ganforge.layers.spectral import SNConv2d


def plain_doubled(convolution: nn.Conv2d, images: Tensor) -> Tensor:
    return convolution(interpolate(images, scale_factor=2))


def plain_halved(convolution: nn.Conv2d, images: Tensor) -> Tensor:
    return avg_pool2d(convolution(images), 2)


@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("spectral_norm", [False, True])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-14), (torch.float32, 1e-6)])
@pytest.mark.parametrize(("one", "two"), [(doubled_before, plain_doubled), (halved_after, plain_halved)])
@pytest.mark.parametrize("size", [(2, 2), (8, 6)])
def test_one_strided_convolution_is_the_two_operations(
    one: Any,
    two: Any,
    size: tuple[int, int],
    dtype: torch.dtype,
    tolerance: float,
    spectral_norm: bool,
    memory_format: torch.memory_format,
) -> None:
    """Relative to the largest value: of the images, and of the gradients of images, weights and bias."""
    layer = same(3, 5, spectral_norm).to(dtype=dtype, memory_format=memory_format).eval()
    nn.init.normal_(layer.bias)
    images = torch.randn(2, 3, *size, dtype=dtype).to(memory_format=memory_format).requires_grad_()
    results = []
    for function in (one, two):
        output = function(layer, images)
        gradients = torch.autograd.grad(output.square().mean(), [images, layer.weight, layer.bias])
        results.append([output, *gradients])
    for found, expected in zip(*results, strict=True):
        assert found.shape == expected.shape
        assert (found - expected).abs().max() <= tolerance * max(1.0, expected.abs().max().item())


@pytest.mark.parametrize("num_classes", [None, 3])
@pytest.mark.parametrize("upsampling", ["nearest", "bilinear"])
def test_a_block_up_is_that_of_the_paper(upsampling: Any, num_classes: int | None) -> None:
    block = UpBlock(4, 6, partial(ClassBatchNorm2d, num_classes=num_classes), upsampling).double()
    x, label = torch.randn(3, 4, 4, 4, dtype=torch.float64), torch.tensor([2, 0, 1])

    def doubled(images: Tensor) -> Tensor:
        return interpolate(images, scale_factor=2, mode=upsampling)

    features = block.first(doubled(relu(block.first_norm(x, label))))
    expected = block.second(relu(block.second_norm(features, label))) + block.shortcut(doubled(x))
    untouched = x.clone()
    assert torch.allclose(block(x, label), expected, rtol=1e-12, atol=1e-13)
    assert torch.equal(x, untouched)


@pytest.mark.parametrize("first", [False, True])
@pytest.mark.parametrize("halved", [False, True])
@pytest.mark.parametrize("inputs", [4, 3])
def test_a_block_down_is_that_of_the_paper(inputs: int, halved: bool, first: bool) -> None:
    """The shortcut sees what came in, not what the block's first rectifier leaves of it."""
    block = DownBlock(inputs, 4, halved, first).double().eval()
    assert isinstance(block.shortcut, SNConv2d) == (halved or inputs == 3)
    x = torch.randn(2, inputs, 6, 6, dtype=torch.float64)
    untouched = x.clone()
    features = block.second(relu(block.first(x if first else relu(x))))
    expected = features + block.shortcut(x)
    expected = avg_pool2d(expected, 2) if halved else expected
    assert torch.allclose(block(x), expected, rtol=1e-12, atol=1e-13)
    assert torch.equal(x, untouched)


def test_weights_begin_as_the_authors_have_them() -> None:
    block = DownBlock(64, 96, first=True)
    for layer, inputs, outputs, gain in [
        (block.first, 9 * 64, 9 * 96, math.sqrt(2)),
        (block.second, 9 * 96, 9 * 96, math.sqrt(2)),
        (block.shortcut, 64, 96, 1),
    ]:
        bound = gain * math.sqrt(6 / (inputs + outputs))
        assert layer.weight.abs().max().item() == pytest.approx(bound, rel=0.01)
        assert layer.weight.std().item() == pytest.approx(bound / math.sqrt(3), rel=0.02)
        assert not layer.bias.any()


def test_without_spectral_norm_nothing_is_remembered() -> None:
    assert not list(DownBlock(3, 4, spectral_norm=False).buffers())
