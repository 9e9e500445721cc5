"""InfoGAN's terms: by hand, whom they teach, and that codes come to be told from the images."""

import math
from collections.abc import Callable

import pytest
import torch
from omegaconf import DictConfig
from scipy import stats
from scipy.special import log_softmax

from ganforge.configuration.build import build
from ganforge.interfaces import Batch
from ganforge.regularizers.mutual_information import MutualInformation

from ..conftest import TINY
from ..product import QUICK
from .turns import turn, verdict

CODES = {"categorical": [2, 3], "continuous": 2}
START = torch.tensor(
    [[9.0, 0, 1, 1, 0, 0, 0.5, -1.0],
     [8.0, 1, 0, 0, 0, 1, 0.0, 0.25]], dtype=torch.double,
)  # fmt: skip
SAID = torch.tensor(
    [[1.0, 2.0, 0.0, 0.5, -1.0, 0.25, 0.0],
     [0.0, 3.0, 1.0, 1.0, 1.0, 1.0, 0.5]], dtype=torch.double,
)  # fmt: skip


@pytest.mark.parametrize("player", ["discriminator", "generator"])
@pytest.mark.parametrize("deviation", [1.0, 0.3])
def test_the_term_is_minus_the_papers_bound(player: str, deviation: float) -> None:
    """E[log Q(c | x)] + H(c) with SciPy's densities and entropies."""
    about = turn(None, verdict(2, codes=SAID), start=START)
    two, three = log_softmax(SAID[:, :2], 1)[[0, 1], [1, 0]], log_softmax(SAID[:, 2:5], 1)[[0, 1], [0, 2]]
    categorical = (two + three).mean() + math.log(2) + math.log(3)
    density = stats.norm(SAID[:, 5:], deviation).logpdf(START[:, 6:]).sum(1).mean()
    bound = 2.0 * categorical + 0.1 * (density + 2 * stats.uniform(-1, 2).entropy())
    term = MutualInformation(CODES, 2.0, 0.1, deviation)
    assert getattr(term, player)(about).item() == pytest.approx(-bound)


def test_codes_that_are_known_are_worth_their_entropy_and_guesses_nothing() -> None:
    choices = torch.eye(4)
    term = MutualInformation({"categorical": [4]})
    for said, worth in ((100 * choices, math.log(4)), (torch.zeros(4, 4), 0)):
        assert term.generator(turn(None, verdict(4, codes=said), start=choices)).item() == pytest.approx(
            -worth, abs=1e-6
        )


@pytest.mark.parametrize("kind", ["categorical", "continuous"])
def test_one_kind_of_codes_is_enough(composed: Callable[..., DictConfig], kind: str) -> None:
    left = {"categorical": "model.latent.codes.continuous=0", "continuous": "model.latent.codes.categorical=[]"}[kind]
    run = build(composed(*TINY["mlp"], *QUICK, "condition=codes", left, "images=8"))
    run.fit()
    assert run.system.progress.latest["generator/codes"].isfinite()


@pytest.mark.parametrize("player", ["discriminator", "generator"])
@pytest.mark.parametrize("model", ["dcgan", "infogan", "sngan"])
def test_q_and_the_trunk_learn_in_the_one_turn_and_the_generator_in_the_other(
    composed: Callable[..., DictConfig], model: str, player: str
) -> None:
    system = build(composed(*TINY[model], *QUICK, "data.image_size=16", "condition=codes")).system
    batch = Batch(torch.randn(4, 1, 16, 16))
    drawn = system.draw(batch)
    if player == "discriminator":
        drawn = drawn._replace(images=drawn.images.detach())
    about = system.turn_about(batch, drawn)
    getattr(system.regularizers.member("codes"), player)(about).backward()
    learned = {name for name, weight in system.named_parameters() if weight.grad is not None and weight.grad.any()}
    assert {"discriminator.head.layers.0.weight", "discriminator.head.layers.3.weight"} <= learned
    trunk = ("discriminator.last.", "discriminator.head.", "generator.")
    assert len([name for name in learned if not name.startswith(trunk)]) > 1
    assert not any(name.startswith("discriminator.last.") for name in learned)
    assert any(name.startswith("generator.") for name in learned) == (player == "generator")


def test_images_come_to_tell_of_their_codes(composed: Callable[..., DictConfig]) -> None:
    words = ["model.latent.dim=16", "model.generator.hidden=[64]", "model.discriminator.hidden=[64]"]
    rates = ["optimizer.generator.lr=2e-3", "optimizer.discriminator.lr=2e-3"]
    run = build(composed(*TINY["mlp"], *QUICK, *words, *rates, "data.image_size=16", "condition=codes", "loss=hinge",
                         "images=6_000", "data.batch_size=16"))  # fmt: skip
    run.fit()
    latents = run.system.latent.sample(400)
    images = run.system.generator.eval()(latents)
    said = run.system.discriminator.eval()(images).codes
    assert (said[:, :10].argmax(1) == latents[:, 4:14].argmax(1)).double().mean() > 0.8
    assert run.system.progress.latest["generator/codes"] < -1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [({"continuous_weight": -1.0}, "continuous_weight must not"), ({"deviation": 0.0}, "deviation must be positive")],
)
def test_what_makes_no_sense_is_refused(arguments: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        MutualInformation(CODES, **arguments)
