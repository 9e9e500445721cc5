"""Every loss against its closed form, and the equilibria that the papers prove."""

import math

import pytest
import torch
from torch.nn import functional as F

from ganforge.losses.adversarial import (
    Hinge,
    LeastSquares,
    Minimax,
    NonSaturating,
    Relativistic,
    RelativisticAverage,
    Wasserstein,
)

REAL = torch.tensor([-1.5, 0.3, 2.0], dtype=torch.float64)
FAKE = torch.tensor([0.7, -0.2, -3.0], dtype=torch.float64)


def log_sigmoid(x: float) -> float:
    return -math.log1p(math.exp(-x))


def mean(values: list[float]) -> float:
    return sum(values) / len(values)


def by_hand(name: str) -> tuple[float, float]:
    """The discriminator's and the generator's loss, written out in plain Python."""
    real, fake = REAL.tolist(), FAKE.tolist()
    pairs = list(zip(real, fake, strict=True))
    cross_entropy = -mean([log_sigmoid(r) for r in real]) - mean([log_sigmoid(-f) for f in fake])
    return {
        "minimax": (cross_entropy, mean([log_sigmoid(-f) for f in fake])),
        "non_saturating": (cross_entropy, -mean([log_sigmoid(f) for f in fake])),
        "lsgan": (
            0.5 * mean([(r - 1) ** 2 for r in real]) + 0.5 * mean([f**2 for f in fake]),
            0.5 * mean([(f - 1) ** 2 for f in fake]),
        ),
        "wgan": (mean(fake) - mean(real), -mean(fake)),
        "hinge": (mean([max(0, 1 - r) for r in real]) + mean([max(0, 1 + f) for f in fake]), -mean(fake)),
        "relativistic": (
            -mean([log_sigmoid(r - f) for r, f in pairs]),
            -mean([log_sigmoid(f - r) for r, f in pairs]),
        ),
        "relativistic_average": (
            -mean([log_sigmoid(r - mean(fake)) for r in real] + [log_sigmoid(mean(real) - f) for f in fake]),
            -mean([log_sigmoid(f - mean(real)) for f in fake] + [log_sigmoid(mean(fake) - r) for r in real]),
        ),
    }[name]


LOSSES = {
    "minimax": Minimax(),
    "non_saturating": NonSaturating(),
    "lsgan": LeastSquares(),
    "wgan": Wasserstein(),
    "hinge": Hinge(),
    "relativistic": Relativistic(),
    "relativistic_average": RelativisticAverage(),
}


@pytest.mark.parametrize("name", LOSSES)
def test_closed_form(name: str) -> None:
    discriminator, generator = by_hand(name)
    assert LOSSES[name].discriminator(REAL, FAKE).item() == pytest.approx(discriminator, rel=1e-12)
    assert LOSSES[name].generator(lambda: REAL, FAKE).item() == pytest.approx(generator, rel=1e-12)


@pytest.mark.parametrize("name", LOSSES)
def test_gradients_match_finite_differences(name: str) -> None:
    real, fake = REAL.clone().requires_grad_(), FAKE.clone().requires_grad_()
    assert torch.autograd.gradcheck(LOSSES[name].discriminator, (real, fake))
    assert torch.autograd.gradcheck(lambda f: LOSSES[name].generator(lambda: REAL, f), (fake,))


@pytest.mark.parametrize("name", [name for name in LOSSES if not name.startswith("relativistic")])
def test_only_relativistic_generators_pay_for_real_logits(name: str) -> None:
    def never() -> torch.Tensor:
        raise AssertionError("the real logits were evaluated")

    LOSSES[name].generator(never, FAKE)


@pytest.mark.parametrize("loss", [Minimax, NonSaturating])
def test_label_smoothing_is_one_sided_cross_entropy(loss: type) -> None:
    smoothed = loss(label_smoothing=0.1).discriminator(REAL, FAKE)
    label = torch.full_like(REAL, 0.9)
    expected = F.binary_cross_entropy_with_logits(REAL, label) - F.logsigmoid(-FAKE).mean()
    assert smoothed.item() == pytest.approx(expected.item(), rel=1e-12)


def test_label_smoothing_moves_the_target_of_least_squares() -> None:
    expected = 0.5 * (REAL - 0.9).square().mean() + 0.5 * FAKE.square().mean()
    assert LeastSquares(0.1).discriminator(REAL, FAKE).item() == pytest.approx(expected.item(), rel=1e-12)


@pytest.mark.parametrize("value", [-0.1, 1.0])
def test_label_smoothing_out_of_range_is_refused(value: float) -> None:
    with pytest.raises(ValueError, match="label_smoothing"):
        NonSaturating(value)


def optimal_logits(p: torch.Tensor, q: torch.Tensor, loss: Minimax) -> torch.Tensor:
    """The minimiser of the discriminator's expected loss on a discrete space, by Newton's method on each logit."""
    logits = torch.zeros_like(p, requires_grad=True)
    optimizer = torch.optim.LBFGS([logits], max_iter=200, tolerance_grad=1e-12, tolerance_change=1e-14)

    def objective() -> torch.Tensor:
        optimizer.zero_grad()
        per_atom = [loss.discriminator(logit[None], logit[None] - 1e9) for logit in logits]
        per_atom_fake = [loss.discriminator(logit[None] * 0 + 1e9, logit[None]) for logit in logits]
        value = (p * torch.stack(per_atom) + q * torch.stack(per_atom_fake)).sum()
        value.backward()
        return value

    optimizer.step(objective)
    return logits.detach()


def test_optimal_discriminator_is_p_over_p_plus_q() -> None:
    """Goodfellow et al. 2014, proposition 1, on four atoms."""
    p = torch.tensor([0.1, 0.2, 0.3, 0.4], dtype=torch.float64)
    q = torch.tensor([0.4, 0.3, 0.2, 0.1], dtype=torch.float64)
    assert torch.allclose(optimal_logits(p, q, Minimax()).sigmoid(), p / (p + q), atol=1e-5)


def test_value_at_equilibrium_is_minus_log_4() -> None:
    """Goodfellow et al. 2014, theorem 1: with p = q the best discriminator answers 1/2 and V = -log 4."""
    p = torch.full((4,), 0.25, dtype=torch.float64)
    logits = optimal_logits(p, p, Minimax())
    value = -Minimax().discriminator(logits, logits)
    assert value.item() == pytest.approx(-math.log(4), abs=1e-9)
