"""Orthogonal regularisation against a gradient by hand, and what it leaves out."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from omegaconf import DictConfig
from torch import Tensor, nn

from ganforge.configuration.build import build
from ganforge.networks import biggan
from ganforge.regularizers.orthogonal import Orthogonal

from ..conftest import TINY
from ..verdicts import projection


def gradient(weight: Tensor, strength: float) -> Tensor:
    """2 s (W W^T o (1 - I)) W, row by row."""
    rows = weight.flatten(1)
    made = torch.zeros_like(rows)
    for i, row in enumerate(rows):
        for j, other in enumerate(rows):
            if i != j:
                made[i] += 2 * strength * (row @ other) * other
    return made.view_as(weight)


@pytest.mark.parametrize("hierarchical", [False, True])
def test_gradients_are_those_of_the_authors_code(hierarchical: bool) -> None:
    network = biggan.Generator(8, 16, 1, 1, 3, 5 if hierarchical else None, hierarchical, 16).double()
    Orthogonal(0.3).term(network).backward()
    for name, weight in network.named_parameters():
        if weight.ndim < 2 or name == "embedding.weight":
            assert weight.grad is None, name
        else:
            assert torch.allclose(weight.grad, gradient(weight.detach(), 0.3), rtol=1e-10, atol=1e-13), name


def test_rows_that_are_orthogonal_cost_nothing_however_long_they_are() -> None:
    layer = nn.Linear(4, 3)
    layer.weight.data.copy_(torch.eye(3, 4) * torch.tensor([[1.0], [5.0], [0.1]]))
    assert Orthogonal(1.0).term(layer) == 0
    layer.weight.data[0, 1] = 2.0
    assert Orthogonal(0.5).term(layer).item() == pytest.approx(0.5 / 2 * 2 * 10.0**2)


def test_autocast_does_not_round_it() -> None:
    layer = nn.Linear(40, 30)
    exact = Orthogonal(1.0).term(layer)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(Orthogonal(1.0).term(layer), exact)


def test_vectors_of_classes_are_left_out_in_a_discriminator_too() -> None:
    network = biggan.Discriminator(16, 1, 1, head=projection(3))
    Orthogonal(1.0, "discriminator").term(network).backward()
    assert network.head.embedding.weight.grad is None
    assert network.last.weight.grad is not None


@pytest.mark.parametrize("player", ["generator", "discriminator"])
def test_it_is_a_term_of_the_player_that_is_named(composed: Callable[..., DictConfig], player: str) -> None:
    words = [
        *TINY["biggan"],
        "condition=projection",
        "regularizer=orthogonal",
        f"regularizers.orthogonal.player={player}",
    ]
    quick: Any = ["metrics=none", "logger=none", "data.image_size=16", "data.batch_size=8", "images=16"]
    run = build(composed(*words, *quick))
    run.fit()
    terms = {name for name in run.system.progress.latest if name.endswith("orthogonal")}
    assert terms == {f"{player}/orthogonal"}
    assert run.system.progress.latest[f"{player}/orthogonal"] > 0
