"""Equalised layers with their rectifier."""

import math

import pytest
import torch
from torch.nn.functional import conv2d, leaky_relu, linear

from ganforge.layers.rectified import RectifiedConv2d, RectifiedLinear, bounded


@pytest.mark.parametrize("gain", [math.sqrt(2), 1.0])
def test_the_gain_counts_for_weights_and_biases(gain: float) -> None:
    layer = RectifiedConv2d(3, 4, 3, stride=2, padding=1, gain=gain)
    torch.nn.init.normal_(layer.bias)
    x = torch.randn(2, 3, 8, 8)
    expected = gain * leaky_relu(conv2d(x, layer.weight / math.sqrt(27), layer.bias, 2, 1), 0.2)
    assert torch.allclose(layer(x), expected, atol=1e-6)


def test_a_slow_layer_has_slow_biases() -> None:
    layer = RectifiedLinear(6, 5, lr_multiplier=0.01)
    torch.nn.init.normal_(layer.bias, 0, 100)
    x = torch.randn(2, 6)
    expected = leaky_relu(linear(x, 0.01 * layer.weight / math.sqrt(6), 0.01 * layer.bias), 0.2) * math.sqrt(2)
    assert torch.allclose(layer(x), expected, atol=1e-5)


def test_only_half_precision_is_bounded() -> None:
    features = torch.tensor([-300.0, -1.0, 2.0, 257.0])
    assert torch.equal(bounded(features, 256), features)
    assert torch.equal(bounded(features.bfloat16(), None), features.bfloat16())
    for dtype in (torch.bfloat16, torch.float16):
        assert bounded(features.to(dtype), 256).tolist() == [-256, -1, 2, 256]


def test_the_bound_follows_the_gain() -> None:
    """As in the published code: what a residual block halves in power is bounded by as much less."""
    layer = RectifiedConv2d(1, 1, 1, gain=1.0, clamp=256)
    torch.nn.init.ones_(layer.weight)
    with torch.autocast("cpu", torch.bfloat16):
        assert layer(torch.full((1, 1, 1, 1), 1e6)).item() == pytest.approx(256 / math.sqrt(2), rel=0.01)
