"""Spectral norm against the singular value decomposition, one step in loops, and what it remembers."""

import copy
import math
import shutil
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from ganforge.layers.conditioning import ClassEmbedding
from ganforge.layers.spectral import SNConv2d, SNLinear, SpectralNorm
from ganforge.regularizers.gradient_penalties import R1
from ganforge.systems.averaging import update_average

LAYERS: dict[str, tuple[Callable[[], nn.Module], Callable[[], Tensor]]] = {
    "convolution": (lambda: SNConv2d(3, 5, 4, 2, 1), lambda: torch.randn(2, 3, 8, 8)),
    "linear": (lambda: SNLinear(6, 4), lambda: torch.randn(2, 6)),
    "embedding": (lambda: ClassEmbedding(4, 6, spectral_norm=True), lambda: torch.tensor([3, 0])),
}


def test_after_many_passes_the_largest_singular_value_is_one() -> None:
    norm, weight = SpectralNorm(5).double(), torch.randn(5, 3, 2, 2, dtype=torch.float64)
    for _ in range(300):
        normalised = norm(weight)
    expected = weight / torch.linalg.svdvals(weight.flatten(1))[0]
    assert torch.allclose(normalised, expected, rtol=1e-10)


def one_step(weight: list[list[float]], u: list[float]) -> tuple[list[float], list[float], float]:
    """u, v and sigma of algorithm 1 of Miyato et al. 2018, in loops."""

    def unit(vector: list[float]) -> list[float]:
        return [x / math.hypot(*vector) for x in vector]

    rows, columns = range(len(weight)), range(len(weight[0]))
    v = unit([sum(weight[i][j] * u[i] for i in rows) for j in columns])
    u = unit([sum(weight[i][j] * v[j] for j in columns) for i in rows])
    return u, v, sum(u[i] * weight[i][j] * v[j] for i in rows for j in columns)


def test_one_pass_is_one_step_of_the_paper() -> None:
    norm, weight = SpectralNorm(4).double(), torch.randn(4, 3, 2, 2, dtype=torch.float64)
    for _ in range(3):
        u, _, sigma = one_step(weight.flatten(1).tolist(), norm.u.tolist())
        assert torch.allclose(norm(weight), weight / sigma, rtol=1e-12)
        assert norm.u.tolist() == pytest.approx(u, rel=1e-12)


def test_in_the_gradient_both_directions_are_constant() -> None:
    """Equation 12: A / sigma - <A, W> / sigma^2 u v^T, for a cost <A, W / sigma>."""
    norm, weight = SpectralNorm(4).double(), torch.randn(4, 3, dtype=torch.float64, requires_grad=True)
    u, v, sigma = one_step(weight.tolist(), norm.u.tolist())
    cost = torch.randn(4, 3, dtype=torch.float64)
    (cost * norm(weight)).sum().backward()
    directions = torch.outer(torch.tensor(u, dtype=torch.float64), torch.tensor(v, dtype=torch.float64))
    expected = cost / sigma - (cost * weight.detach()).sum() / sigma**2 * directions
    assert torch.allclose(weight.grad, expected, rtol=1e-10)


@pytest.mark.parametrize("name", LAYERS)
def test_a_layer_computes_with_the_normalised_matrix(name: str) -> None:
    build, inputs = LAYERS[name]
    layer = build().double()
    x = inputs().double() if name != "embedding" else inputs()
    for _ in range(300):
        layer(x)
    other = copy.deepcopy(layer)
    other.weight.data /= torch.linalg.svdvals(layer.weight.flatten(1))[0]
    other.norm = nn.Identity()
    expected = nn.Conv2d.forward(other, x) if name == "convolution" else other(x)
    assert torch.allclose(layer(x), expected, rtol=1e-8)


@pytest.mark.parametrize("name", LAYERS)
def test_it_remembers_in_train_mode_only_and_in_one_buffer(name: str) -> None:
    build, inputs = LAYERS[name]
    layer, x = build(), inputs()
    before = layer.norm.u.clone()
    with torch.no_grad():
        first, second = layer.eval()(x), layer(x)
    assert torch.equal(first, second)
    assert torch.equal(layer.norm.u, before)
    layer.train()(x)
    assert not torch.equal(layer.norm.u, before)
    assert [key for key in layer.state_dict() if "norm" in key] == ["norm.u"]


@pytest.mark.parametrize("name", LAYERS)
def test_a_copy_made_after_a_pass_goes_its_own_way_and_an_average_takes_over_what_is_remembered(name: str) -> None:
    build, inputs = LAYERS[name]
    layer, x = build(), inputs()
    layer(x)
    average = copy.deepcopy(layer).requires_grad_(False).eval()
    before = average.norm.u.clone()
    layer(x)
    assert torch.equal(average.norm.u, before)
    update_average(average, layer, 0.5)
    assert torch.equal(average.norm.u, layer.norm.u)


def test_several_passes_may_come_before_one_backward_pass() -> None:
    layer = nn.Sequential(SNConv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), SNLinear(36, 1))
    real, fake = torch.randn(2, 1, 5, 5), torch.randn(2, 1, 5, 5)
    cost = layer(real).mean() - layer(fake).mean() + R1(1.0)(lambda x: layer(x).flatten(), real, fake)
    cost.backward()
    assert all(weight.grad.isfinite().all() for weight in layer.parameters())


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("g++") is None, reason="torch.compile needs a C++ compiler")
def test_so_they_may_when_compiled() -> None:
    layer = nn.Sequential(SNConv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), SNLinear(36, 1))
    other, real, fake = copy.deepcopy(layer), torch.randn(2, 1, 5, 5), torch.randn(2, 1, 5, 5)
    layer.compile()
    for player in (layer, other):
        (player(real).mean() - player(fake).square().mean()).backward()
    for found, expected in zip(layer.parameters(), other.parameters(), strict=True):
        assert torch.allclose(found.grad, expected.grad, atol=1e-6)
    assert torch.equal(layer[0].norm.u, other[0].norm.u)


def test_penalties_learn_through_it() -> None:
    """The gradient of |d D / d x| for the weights of a linear D, against the formula: |W / sigma| for one row is 1."""
    layer = SNLinear(6, 1).double()
    penalty = R1(2.0)(lambda x: layer(x).flatten(), torch.randn(3, 6, dtype=torch.float64), torch.zeros(3, 6))
    assert penalty.item() == pytest.approx(1)
    (gradient,) = torch.autograd.grad(penalty, layer.weight)
    assert gradient.abs().max() < 1e-12


@pytest.mark.parametrize("name", LAYERS)
def test_a_layer_without_memory_takes_the_state_of_its_like(name: str) -> None:
    build, inputs = LAYERS[name]
    layer, x = build(), inputs()
    layer(x)
    with torch.device("meta"):
        other = build()
    other.load_state_dict(layer.state_dict(), assign=True)
    assert torch.equal(layer.eval()(x), other.eval()(x))


def test_neither_autocast_nor_the_layout_of_memory_reaches_sigma() -> None:
    norm, weight = SpectralNorm(8).eval(), torch.randn(8, 6, 3, 3)
    expected = norm(weight)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(norm(weight), expected)
    assert torch.allclose(norm(weight.to(memory_format=torch.channels_last)), expected, rtol=1e-5)


def test_zeros_stay_finite_in_what_is_remembered() -> None:
    norm = SpectralNorm(3)
    norm(torch.zeros(3, 2))
    assert norm.u.isfinite().all()


def test_an_exported_layer_draws_the_same_and_remembers_nothing() -> None:
    layer, x = SNConv2d(3, 5, 3, padding=1), torch.randn(2, 3, 8, 8)
    layer(x)
    program = torch.export.export(layer.eval(), (x,))
    assert torch.allclose(program.module()(x), layer(x), atol=1e-6)
    assert not program.graph_signature.buffers_to_mutate
