"""The claims of docs/theory.md, each against its closed form, and that the page's pictures and commands are there."""

import math
import re
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import dirac_gan
import kullback_leibler
import matplotlib
import optimal_discriminator
import parallel_lines
import pytest
import torch
import vanishing_gradients
from dirac import REAL, Dirac, Discriminator, Generator, alternating, r1, simultaneous
from games import game
from lightning import Trainer
from torch import Tensor, nn

from ganforge.interfaces import Batch
from ganforge.sampling.latent import Latent
from ganforge.systems.gan import GANModule
from ganforge.systems.one_stage import OneStageGAN

from ..conftest import ROOT

FIGURES = ROOT / "docs" / "figures"


def test_every_picture_has_its_script_and_its_command() -> None:
    page = (ROOT / "docs" / "theory.md").read_text()
    pictures = re.findall(r'(?:src="|\]\()figures/(\w+)\.png', page)
    commands = re.findall(r"^    python docs/figures/(\w+)\.py$", page, re.MULTILINE)
    assert pictures == commands
    assert {f"{name}.png" for name in pictures} == {path.name for path in FIGURES.glob("*.png")}
    for name in pictures:
        assert "def main()" in (FIGURES / f"{name}.py").read_text()
        assert (FIGURES / f"{name}.png").stat().st_size < 60_000


def test_pictures_are_drawn(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """From made-up numbers."""
    numbers = torch.linspace(0, 1, 8, dtype=torch.float64)
    turns, lines = len(vanishing_gradients.TURNS), len(parallel_lines.DISTANCES)
    curves = {name: [0.5] * turns for name in (*vanishing_gradients.LOSSES, "mistakes", "bound")}
    measured = [parallel_lines.Measured(0.5, 0.5)] * lines
    orbits = {title: [numbers.view(4, 2)] * len(played) for title, played in dirac_gan.games().items()}
    drawn: list[tuple[Any, tuple[Any, ...]]] = [
        (optimal_discriminator, (optimal_discriminator.Best(*[numbers] * 4, 0.0), numbers.tolist())),
        (parallel_lines, (measured, measured)),
        (kullback_leibler, (dict.fromkeys(("likelihood", *kullback_leibler.LOSSES), (0.0, 1.0)),)),
        (vanishing_gradients, (curves,)),
        (dirac_gan, (orbits,)),
    ]
    with matplotlib.rc_context():
        for module, arguments in drawn:
            monkeypatch.setattr(module, "__file__", str(tmp_path / f"{module.__name__}.py"))
            module.draw(*arguments)
    assert {path.stem for path in tmp_path.glob("*.png")} == {path.stem for path in FIGURES.glob("*.png")}


def test_the_best_discriminator_is_p_over_p_plus_q() -> None:
    """Goodfellow et al. 2014, proposition 1."""
    best = optimal_discriminator.best_discriminator(optimal_discriminator.P, optimal_discriminator.Q)
    assert len(best.places) > 50
    assert torch.allclose(best.logits.sigmoid(), best.real / (best.real + best.fake), atol=1e-5)


@pytest.mark.parametrize("distance", [0.0, 1.0, 3.0])
def test_its_value_is_two_jensen_shannon_minus_log_4(distance: float) -> None:
    """Goodfellow et al. 2014, theorem 1; bins lose about a thousandth."""
    value = optimal_discriminator.best_discriminator([(0, 1)], [(distance, 1)]).value
    assert value == pytest.approx(optimal_discriminator.theorem_1(distance), abs=2e-3)
    if distance == 0:
        assert value == pytest.approx(-math.log(4), abs=1e-9)


@pytest.mark.parametrize("theta", [-0.5, 2.0])
def test_parallel_lines(theta: float) -> None:
    """Arjovsky et al. 2017, example 1; the penalty of WGAN-GP adds theta^2 / (2 weight)."""
    divergence, distance = parallel_lines.jensen_shannon(theta, 200), parallel_lines.wasserstein(theta, 400)
    assert divergence.distance == pytest.approx(math.log(2), abs=2e-3)
    assert abs(divergence.slope) < 0.01
    assert distance.distance == pytest.approx(parallel_lines.penalised(theta), rel=0.01)
    assert distance.slope == pytest.approx(parallel_lines.penalised(theta) / theta, rel=0.02)


@pytest.mark.parametrize("place", [(0.1, 0.4), (0.45, 0.25), (-0.3, 0.6)])
def test_generators_descend_the_divergence_that_is_claimed(place: tuple[float, float]) -> None:
    """Arjovsky and Bottou 2017, theorem 2.5; of hinge and minimax Goodfellow et al. 2014, and of maximum likelihood."""
    costs = {loss: kullback_leibler.adversarial(loss) for loss in kullback_leibler.LOSSES}
    for name, cost in ({"likelihood": kullback_leibler.likelihood} | costs).items():
        claimed = kullback_leibler.slope(lambda q, name=name: kullback_leibler.divergences(q)[name], *place)
        assert kullback_leibler.slope(cost, *place).tolist() == pytest.approx(claimed.tolist(), rel=5e-3, abs=2e-3)


def test_maximum_likelihood_covers_and_reverse_divergences_seek() -> None:
    mean, deviation = kullback_leibler.fit(kullback_leibler.likelihood, turns=150)
    moments = math.hypot(kullback_leibler.MODE, kullback_leibler.WIDTH)
    assert (mean, deviation) == pytest.approx((0, moments), abs=2e-3)
    for loss in ("hinge", "non_saturating"):
        found = kullback_leibler.fit(kullback_leibler.adversarial(loss), turns=150)
        assert found == pytest.approx((kullback_leibler.MODE, kullback_leibler.WIDTH), abs=5e-3)
    stays = kullback_leibler.fit(kullback_leibler.adversarial("hinge"), kullback_leibler.BROAD, turns=150)
    assert stays == pytest.approx((0, 0.521), abs=5e-3), "KL(q | p) has a minimum between the modes too"


def test_slopes_in_the_logit_are_the_sigmoids() -> None:
    """Goodfellow et al. 2014, section 3."""
    logits = torch.linspace(-8, 8, 17)
    slopes = {loss: vanishing_gradients.slopes_by_logit(loss, logits) for loss in vanishing_gradients.LOSSES}
    assert torch.allclose(slopes["minimax"], logits.sigmoid(), atol=1e-6)
    assert torch.allclose(slopes["non_saturating"], (-logits).sigmoid(), atol=1e-6)
    assert torch.equal(slopes["wgan_gp"], torch.ones(17))


def test_the_minimax_gradient_vanishes_as_the_discriminator_learns() -> None:
    """Arjovsky and Bottou 2017, theorem 2.4."""
    curves = vanishing_gradients.slopes_by_turn((20, 80, 200))
    assert all(later < 0.2 * earlier for earlier, later in pairwise(curves["minimax"]))
    assert all(found <= bound * 1.001 for found, bound in zip(curves["minimax"], curves["bound"], strict=True))
    assert all(later > 1.2 * earlier for earlier, later in pairwise(curves["non_saturating"]))
    assert curves["wgan_gp"] == pytest.approx([1, 1, 1], abs=0.1)


@pytest.mark.parametrize("loss", ["minimax", "non_saturating"])
def test_eigenvalues_without_a_penalty(loss: str) -> None:
    """Mescheder et al. 2018, lemmas 2.4 and 2.5: outside of the unit circle, or on it until h f'(0) exceeds 2."""
    for rate in (0.2, 1.0, 4.5):
        both = Dirac(game(f"loss={loss}"), simultaneous=True, rate=rate).eigenvalues()
        assert both == pytest.approx(simultaneous(rate), abs=1e-6)
        assert [abs(value) for value in both] == pytest.approx([math.hypot(1, rate / 2)] * 2)
        for turns in (1, 4):
            dirac = Dirac(game(f"loss={loss}", f"loss.n_critic={turns}"), rate=rate)
            assert dirac.eigenvalues() == pytest.approx(alternating(rate, turns), abs=1e-6)
    inside, outside = (max(map(abs, Dirac(game(f"loss={loss}"), rate=rate).eigenvalues())) for rate in (3.9, 4.1))
    assert inside == pytest.approx(1)
    assert outside > 1.2


@pytest.mark.parametrize("gamma", [0.3, 1.0, 2.0])
@pytest.mark.parametrize("loss", ["minimax", "non_saturating"])
def test_eigenvalues_with_r1(loss: str, gamma: float) -> None:
    """Mescheder et al. 2018, section 3.3; real from gamma = 2 f'(0) = 1 on."""
    for rate in (0.05, 0.2):
        found = r1(gamma, loss, simultaneous=True, rate=rate).eigenvalues()
        assert found == pytest.approx(simultaneous(rate, gamma), abs=1e-5)
        assert max(map(abs, found)) < 1
    assert max(map(abs, r1(gamma, loss).eigenvalues())) < 1


def distances(dirac: Dirac, rounds: int = 500) -> Tensor:
    return dirac.orbit(rounds).norm(dim=1)


def test_without_a_penalty_orbits_do_not_converge() -> None:
    """Mescheder et al. 2018, lemmas 2.3 and 2.4; the circle is that of infinitely small steps."""
    assert distances(Dirac(game("loss=minimax"), simultaneous=True)).diff().min() > 0
    small = distances(Dirac(game("loss=minimax"), rate=0.02), 200)
    assert (small / small[0] - 1).abs().max() < 0.01
    slow = distances(Dirac(game("loss=non_saturating")), 600)
    assert 0.2 < slow[-1] < 0.9 * slow[400] < 0.35


def test_lipschitz_critics_do_not_converge_either() -> None:
    """Section 3.1: with a fixed number of discriminator turns."""
    for words in (
        ["loss=wgan", "loss.constraint.bound=1"],
        ["loss=wgan_gp", "loss.penalties.gradient_penalty.weight=0.35"],
    ):
        assert distances(Dirac(game(*words)), 200)[-50:].max() > 0.9


@pytest.mark.parametrize(
    ("make", "place"),
    [
        (lambda: Dirac(game("loss=minimax"), simultaneous=True), (-2.1616112824660947, 2.217775396545826)),
        (lambda: Dirac(game("loss=non_saturating"), simultaneous=True), (0.5483373190047959, -0.3304410558195831)),
        (lambda: r1(0.3, simultaneous=True), (2.1473846040161784e-06, 5.305735576305855e-07)),
    ],
    ids=["minimax", "non_saturating", "r1"],
)
def test_orbits_end_where_those_of_the_authors_do(make: Callable[[], Dirac], place: tuple[float, float]) -> None:
    """After 500 steps, printed by github.com/LMescheder/GAN_stability (MIT), whose psi has the other sign."""
    assert make().orbit()[-1].tolist() == pytest.approx(place, rel=1e-8)


class Nothing(Latent):
    def sample(self, count: int, *_: object, **__: object) -> Tensor:
        return torch.zeros(count, 1)


@pytest.mark.parametrize("system", [GANModule, OneStageGAN])
@pytest.mark.parametrize("penalty", [False, True])
def test_the_systems_play_these_orbits(system: type[GANModule], penalty: bool) -> None:
    """`system=gan` alternates, and `system=one_stage` plays both at once."""
    rule = {"simultaneous": system is OneStageGAN}
    dirac = r1(0.3, **rule) if penalty else Dirac(game("loss=non_saturating"), **rule)
    sgd = {player: lambda parameters: torch.optim.SGD(parameters, dirac.rate) for player in GANModule.players}
    players: dict[str, nn.Module] = {
        "generator": Generator(1.0), "discriminator": Discriminator(-1.0)
    }  # fmt: skip
    played = system(latent=Nothing(1), game=dirac.game, optimizers=sgd, seed=0, **players)
    played.trainer = Trainer(accelerator="cpu", logger=False, barebones=True)
    played.trainer.strategy._lightning_module = played
    played.trainer.strategy.optimizers = played.configure_optimizers()
    for _ in range(20):
        played.play(Batch(REAL))
    found = played.generator.theta.item(), played.discriminator.psi.item()
    assert found == pytest.approx(dirac.orbit(20)[-1].tolist(), abs=1e-12)
