"""Weight norm against torch's own, and its start from data against the moments that it promises."""

import pytest
import torch
from torch import nn

from ganforge.layers.weight_norm import WNConv2d, WNDoubling, WNLinear, starting

LAYERS = {
    "linear": (lambda: WNLinear(6, 5, deviation=0.1), (200, 6)),
    "convolution": (lambda: WNConv2d(3, 5, 3, 2, 1), (40, 3, 8, 8)),
    "doubling": (lambda: WNDoubling(4, 5, deviation=0.1), (40, 4, 4, 4)),
}


@pytest.mark.parametrize("kind", LAYERS)
def test_outputs_have_the_promised_moments_after_the_start(kind: str) -> None:
    make, shape = LAYERS[kind]
    layer, batch = make(), torch.randn(shape) * 3 + 1
    with starting(layer):
        during = layer(batch)
    outputs = layer(batch)
    assert torch.allclose(during, outputs, atol=1e-5)
    axes = [0, *range(2, outputs.dim())]
    assert outputs.mean(axes).abs().max() < 1e-5
    assert torch.allclose(outputs.std(axes, correction=0), torch.full((5,), layer.norm.deviation), rtol=1e-4)
    state = {name: value.clone() for name, value in layer.state_dict().items()}
    with starting(layer):
        layer(torch.randn(shape))
    assert all(torch.equal(value, state[name]) for name, value in layer.state_dict().items())


def test_weights_are_those_of_torchs_own_weight_norm() -> None:
    ours, theirs = WNLinear(6, 5, learn_scale=True), nn.utils.parametrizations.weight_norm(nn.Linear(6, 5))
    with torch.no_grad():
        ours.norm.scale.copy_(torch.rand(5))
        ours.norm.bias.copy_(torch.randn(5))
        theirs.parametrizations.weight.original0.copy_(ours.norm.scale[:, None])
        theirs.parametrizations.weight.original1.copy_(ours.v)
        theirs.bias.copy_(ours.norm.bias)
    batch = torch.randn(4, 6)
    assert torch.allclose(ours(batch), theirs(batch), atol=1e-4)
    doubling, weight = WNDoubling(4, 3), torch.randn(4, 3, 5, 5)
    norms = doubling.norm.weight(weight, dim=1).flatten(2).permute(1, 0, 2).flatten(1).norm(dim=1)
    assert torch.allclose(norms, torch.ones(3), atol=1e-4)


def test_an_output_that_does_not_vary_keeps_its_scale() -> None:
    layer = WNLinear(3, 2)
    with starting(layer):
        layer(torch.ones(10, 3))
    assert torch.equal(layer.norm.scale, torch.ones(2))
    assert layer(torch.ones(1, 3)).abs().max() < 1e-6


def test_only_a_learned_scale_is_a_parameter() -> None:
    assert {name for name, _ in WNLinear(2, 2).named_parameters()} == {"v", "norm.bias"}
    assert "norm.scale" in dict(WNLinear(2, 2, learn_scale=True).named_parameters())
