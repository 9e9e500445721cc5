"""Equalised layers against plain ones with scaled weights, and what they start from."""

import math

import pytest
import torch
from torch.nn.functional import conv2d, linear

from ganforge.layers.equalized import EqualizedConv2d, EqualizedLinear


@pytest.mark.parametrize(("gain", "lr_multiplier"), [(1.0, 1.0), (math.sqrt(2), 1.0), (0.5, 0.01)])
def test_weights_are_scaled_when_they_are_used_and_biases_by_their_rate_alone(
    gain: float, lr_multiplier: float
) -> None:
    convolution = EqualizedConv2d(6, 5, 3, stride=2, padding=1, gain=gain, lr_multiplier=lr_multiplier, bias=0.7)
    x = torch.randn(2, 6, 8, 8)
    kernel = convolution.weight * (lr_multiplier * gain / math.sqrt(6 * 3 * 3))
    assert torch.allclose(convolution(x), conv2d(x, kernel, torch.full((5,), 0.7), 2, 1), atol=1e-6)
    layer = EqualizedLinear(6, 5, gain, lr_multiplier, bias=-2)
    x = torch.randn(2, 6)
    weight = layer.weight * (lr_multiplier * gain / math.sqrt(6))
    assert torch.allclose(layer(x), linear(x, weight, torch.full((5,), -2.0)), atol=1e-6)


@pytest.mark.parametrize("lr_multiplier", [1.0, 0.01])
def test_stored_weights_have_one_deviation_and_outputs_the_gain(lr_multiplier: float) -> None:
    torch.manual_seed(0)
    for layer, x in (
        (EqualizedConv2d(64, 256, 3, gain=2.0, lr_multiplier=lr_multiplier), torch.randn(64, 64, 3, 3)),
        (EqualizedLinear(576, 256, 2.0, lr_multiplier), torch.randn(64, 576)),
    ):
        assert layer.weight.mean().abs() < 0.01 / lr_multiplier
        assert layer.weight.std().item() == pytest.approx(1 / lr_multiplier, rel=0.01)
        assert torch.equal(layer.bias, torch.zeros(256))
        assert layer(x).std().item() == pytest.approx(2, rel=0.05)


def test_a_step_of_a_stored_weight_moves_the_map_by_its_rate() -> None:
    slow, fast = EqualizedLinear(4, 1, lr_multiplier=0.01, bias=1.0), EqualizedLinear(4, 1, bias=1.0)
    for layer, rate in ((slow, 0.01), (fast, 1.0)):
        layer(torch.ones(1, 4)).sum().backward()
        assert torch.allclose(layer.weight.grad, torch.full((1, 4), rate / 2))
        assert torch.allclose(layer.bias.grad, torch.full((1,), rate))


def test_a_layer_may_have_no_bias() -> None:
    for layer in (EqualizedConv2d(2, 3, 1, bias=False), EqualizedLinear(2, 3, bias=False, lr_multiplier=0.1)):
        assert [name for name, _ in layer.named_parameters()] == ["weight"]
    assert EqualizedLinear(2, 3, bias=1).bias.tolist() == [1.0] * 3
    assert torch.equal(EqualizedLinear(2, 3, bias=False, lr_multiplier=0.1)(torch.zeros(1, 2)), torch.zeros(1, 3))
