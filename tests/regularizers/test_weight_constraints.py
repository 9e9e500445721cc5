import pytest
import torch
from torch import nn

from ganforge.layers.equalized import EqualizedLinear
from ganforge.regularizers.weight_constraints import WeightClipping


def test_clipping_bounds_every_weight_and_leaves_small_ones() -> None:
    layer = nn.Linear(50, 50)
    before = layer.weight.detach().clone()
    WeightClipping(0.05)(layer)
    assert torch.equal(layer.weight, before.clamp(-0.05, 0.05))
    assert layer.weight.abs().max().item() == pytest.approx(0.05)


def test_equalized_layers_are_clipped_as_they_are_used() -> None:
    layer = EqualizedLinear(50, 50, lr_multiplier=0.01, bias=2.0)
    WeightClipping(0.05)(layer)
    used = layer(torch.eye(50)) - layer(torch.zeros(50))
    assert used.abs().max().item() == pytest.approx(0.05)
    assert torch.allclose(layer(torch.zeros(50)), torch.tensor(0.05))


def test_bound_must_be_positive() -> None:
    with pytest.raises(ValueError, match="positive"):
        WeightClipping(0.0)
