"""Penalties by interval, terms by name, and what a Wasserstein critic measures."""

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from ganforge.interfaces import Critic
from ganforge.losses.adversarial import Hinge, LeastSquares, Minimax, NonSaturating, Relativistic, Wasserstein
from ganforge.losses.game import Game
from ganforge.regularizers.gradient_penalties import R1, R2, GradientPenalty


def linear_critic(images: Tensor) -> Tensor:
    return images.flatten(1).sum(1)


def terms_at(game: Game, turn: int) -> dict[str, Tensor]:
    real, fake = torch.ones(4, 1, 2, 2), -torch.ones(4, 1, 2, 2)
    return all_terms(game, linear_critic, real, fake, turn)


def all_terms(game: Game, critic: Critic, real: Tensor, fake: Tensor, turn: int) -> dict[str, Tensor]:
    """What the discriminator minimises in a turn."""
    return game.discriminator_terms(critic(real), critic(fake)) | game.penalty_terms(
        critic, real, fake, lambda k: turn % k == 0
    )


def test_lazy_penalty_is_as_strong_on_average() -> None:
    eager = Game(NonSaturating(), penalties={"r1": R1(weight=3.0)})
    lazy = Game(NonSaturating(), penalties={"r1": R1(weight=3.0, interval=4)})
    applied = [terms_at(lazy, turn).get("r1", torch.zeros(())).item() for turn in range(8)]
    assert [value > 0 for value in applied] == [True, False, False, False] * 2
    assert sum(applied) == pytest.approx(sum(terms_at(eager, turn)["r1"].item() for turn in range(8)))


LOGITS = torch.tensor([0.5, -2.0, 3.0, 1.0, -1.0])


@pytest.mark.parametrize(("share", "best"), [(1.0, [0, 1, 2, 3, 4]), (0.6, [0, 2, 3]), (0.4, [2, 3]), (0.01, [2])])
@pytest.mark.parametrize("loss", [Minimax(), NonSaturating(), LeastSquares(), Wasserstein(), Hinge(), Relativistic()])
def test_the_generator_learns_from_its_best_fakes(loss: Any, share: float, best: list[int]) -> None:
    """By hand: the mean over the best, of which each is still compared with the real image at its place."""
    game, real = Game(loss), torch.tensor([1.0, 10.0, 100.0, 1000.0, 10000.0])
    game.share = share
    logits = LOGITS.clone().requires_grad_()
    term = game.generator_terms(lambda: real, logits)["adversarial"]
    each = [loss.generator(lambda i=i: real[i : i + 1], LOGITS[i : i + 1]).item() for i in best]
    assert term.item() == pytest.approx(sum(each) / len(best))
    (slopes,) = torch.autograd.grad(term, logits)
    assert slopes[[number for number in range(5) if number not in best]].eq(0).all()


def test_the_best_of_patches_are_the_best_images() -> None:
    game, patches = Game(Wasserstein()), torch.tensor([[4.0, 4.0], [9.0, -9.0], [1.0, 1.0], [2.0, 3.0]])
    game.share = 0.5
    term = game.generator_terms(lambda: torch.zeros(()), patches.view(4, 1, 1, 2))["adversarial"]
    assert term.item() == -(4 + 4 + 2 + 3) / 4


def test_both_players_from_one_pass_hand_on_no_gradient_of_the_others() -> None:
    game, real, fake = Game(NonSaturating()), torch.zeros(5), LOGITS
    whole = game.gradient_ratio(real, fake)
    game.share = 0.4
    assert game.gradient_ratio(real, fake).tolist() == pytest.approx([0, 0, *(2.5 * whole[2:4]).tolist(), 0])


def test_terms_carry_the_users_names() -> None:
    game = Game(NonSaturating(), penalties={"near real": R1(), "near fake": R2()})
    assert list(terms_at(game, 0)) == ["adversarial", "near real", "near fake"]


def test_penalty_is_in_float32_under_autocast() -> None:
    critic = nn.Sequential(nn.Flatten(), nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1), nn.Flatten(0))
    game = Game(Wasserstein(), penalties={"r1": R1()})
    real, fake = torch.randn(4, 1, 2, 2), torch.randn(4, 1, 2, 2)
    exact = all_terms(game, critic, real, fake, 0)["r1"]
    with torch.autocast("cpu", torch.bfloat16):
        mixed = all_terms(game, critic, real, fake, 0)["r1"]
    assert mixed.dtype == torch.float32
    assert mixed.item() == exact.item()


def test_relativistic_generator_meets_real_images_without_gradient_to_them() -> None:
    fake_logits = torch.randn(4, requires_grad=True)
    game = Game(Relativistic())
    real = torch.ones(4, 1, 2, 2, requires_grad=True)
    game.generator_terms(lambda: linear_critic(real), fake_logits)["adversarial"].backward()
    assert fake_logits.grad is not None
    assert real.grad is None


@pytest.mark.parametrize(
    ("loss", "ratio"),
    [
        (Wasserstein(), lambda real, fake: torch.full_like(fake, -1)),
        (Minimax(), lambda real, fake: torch.full_like(fake, -1)),
        (NonSaturating(), lambda real, fake: -(-fake).exp()),
        (LeastSquares(), lambda real, fake: (fake - 1) / fake),
        (Relativistic(), lambda real, fake: -(real - fake).exp()),
    ],
    ids=lambda value: type(value).__name__,
)
def test_gradient_ratio_in_closed_form(loss: Any, ratio: Any) -> None:
    real, fake = torch.randn(2, 6)
    assert torch.allclose(Game(loss).gradient_ratio(real, fake), ratio(real, fake), rtol=1e-5)


@pytest.mark.parametrize(
    ("loss", "signed"),
    [
        (Minimax(), True),
        (NonSaturating(label_smoothing=0.1), True),
        (Hinge(), True),
        (LeastSquares(), False),
        (Wasserstein(), False),
        (Relativistic(), False),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_logit_has_a_sign_where_a_discriminator_in_doubt_says_zero(loss: Any, signed: bool) -> None:
    assert Game(loss).has_a_sign() == signed


@pytest.mark.parametrize("turns", [0, -1])
def test_n_critic_below_one_are_refused(turns: int) -> None:
    with pytest.raises(ValueError, match="n_critic"):
        Game(NonSaturating(), n_critic=turns)


def trained_critic(game: Game, theta: float, steps: int) -> tuple[nn.Module, Tensor, Tensor]:
    """A critic of the two parallel lines {0} x [0, 1] and {theta} x [0, 1] of Arjovsky et al. 2017, example 1."""
    torch.manual_seed(0)
    critic = nn.Sequential(nn.Linear(2, 64), nn.LeakyReLU(0.2), nn.Linear(64, 64), nn.LeakyReLU(0.2), nn.Linear(64, 1))
    optimizer = torch.optim.Adam(critic.parameters(), 2e-3, betas=(0.0, 0.9))
    for turn in range(steps):
        real = torch.stack([torch.zeros(256), torch.rand(256)], 1)
        fake = torch.stack([torch.full((256,), theta), torch.rand(256)], 1)
        terms = all_terms(game, lambda points: critic(points)[:, 0], real, fake, turn)
        optimizer.zero_grad()
        sum(terms.values()).backward()
        optimizer.step()
    return critic, real, fake


@pytest.mark.parametrize("theta", [0.5, 1.0, 2.0])
def test_wgan_gp_critic_measures_the_distance_of_parallel_lines(theta: float) -> None:
    game = Game(Wasserstein(), penalties={"gradient_penalty": GradientPenalty(100.0)})
    critic, real, fake = trained_critic(game, theta, 800)
    real[:, 1] = fake[:, 1]
    estimate = (critic(real).mean() - critic(fake).mean()).item()
    assert estimate == pytest.approx(theta, rel=0.05)


@pytest.mark.parametrize("theta", [0.5, 2.0])
def test_minimax_value_saturates_on_parallel_lines(theta: float) -> None:
    """The Jensen-Shannon divergence is log 2 whatever the distance: V = 2 JS - log 4 -> 0."""
    game = Game(NonSaturating())
    critic, real, fake = trained_critic(game, theta, 500)
    loss = game.adversarial.discriminator(critic(real)[:, 0], critic(fake)[:, 0]).item()
    divergence = 0.5 * (-loss + math.log(4))
    assert divergence == pytest.approx(math.log(2), abs=0.01)
