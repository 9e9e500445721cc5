"""Penalties against closed forms and finite differences."""

import pytest
import torch
from torch import Tensor, nn

from ganforge.regularizers.gradient_penalties import R1, R2, Dragan, GradientPenalty, input_gradients

WEIGHT = torch.tensor([0.5, -1.0, 2.0, 0.25], dtype=torch.float64)
REAL, FAKE = torch.randn(2, 6, 1, 2, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(3))


def linear(images: Tensor) -> Tensor:
    return images.flatten(1) @ WEIGHT


def quadratic(images: Tensor) -> Tensor:
    """Its gradient is the image itself."""
    return 0.5 * images.flatten(1).square().sum(1)


@pytest.mark.parametrize("penalty", [GradientPenalty, Dragan])
def test_gradient_norm_penalty_of_a_linear_critic(penalty: type) -> None:
    expected = 10 * (WEIGHT.norm() - 1) ** 2
    assert penalty(weight=10.0)(linear, REAL, FAKE).item() == pytest.approx(expected.item(), rel=1e-12)


@pytest.mark.parametrize(("penalty", "points"), [(R1, REAL), (R2, FAKE)])
def test_zero_centred_penalty_looks_at_its_own_images(penalty: type, points: Tensor) -> None:
    expected = 0.5 * 3.0 * points.flatten(1).square().sum(1).mean()
    assert penalty(weight=3.0)(quadratic, REAL, FAKE).item() == pytest.approx(expected.item(), rel=1e-12)


def test_gradient_penalty_samples_the_segments_between_real_and_fake() -> None:
    points = GradientPenalty().points(REAL, FAKE)
    share = ((points - FAKE) / (REAL - FAKE)).flatten(1)
    assert torch.allclose(share, share[:, :1].expand_as(share))
    assert ((share >= 0) & (share <= 1)).all()
    assert share[:, 0].unique().numel() == len(REAL)


def test_dragan_stays_within_half_a_deviation_of_the_data() -> None:
    offset = Dragan().points(REAL, FAKE) - REAL
    assert (offset >= 0).all()
    assert (offset <= 0.5 * REAL.std()).all()
    assert offset.max() > 0


@pytest.mark.parametrize("penalty", [R1(2.0), R2(2.0)])
def test_gradient_with_respect_to_weights_matches_finite_differences(penalty: R1) -> None:
    torch.manual_seed(1)
    critic = nn.Sequential(nn.Flatten(), nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 1), nn.Flatten(0)).double()
    weight = critic[1].weight

    def value() -> Tensor:
        return penalty(critic, REAL, FAKE)

    (analytic,) = torch.autograd.grad(value(), weight)
    numeric = torch.empty_like(analytic)
    flat, step = weight.detach().view(-1), 1e-6
    for index in range(len(flat)):
        flat[index] += step
        above = value().item()
        flat[index] -= 2 * step
        below = value().item()
        flat[index] += step
        numeric.view(-1)[index] = (above - below) / (2 * step)
    assert torch.allclose(analytic, numeric, rtol=1e-6, atol=1e-8)


def test_gradients_are_per_sample() -> None:
    assert torch.equal(input_gradients(quadratic, REAL), REAL.flatten(1))


@pytest.mark.parametrize("arguments", [{"weight": -1.0}, {"interval": 0}])
@pytest.mark.parametrize("penalty", [GradientPenalty, Dragan, R1, R2])
def test_senseless_arguments_are_refused(penalty: type, arguments: dict) -> None:
    with pytest.raises(ValueError, match="penalty's"):
        penalty(**arguments)
