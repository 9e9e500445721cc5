"""Translation between domains: what each player minimises, against the authors' code, and what it needs of the data."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
from lightning import Trainer
from omegaconf import DictConfig
from torch import Tensor

from ganforge.configuration.build import build
from ganforge.interfaces import Batch
from ganforge.losses.adversarial import Wasserstein
from ganforge.losses.game import Game
from ganforge.networks import stargan
from ganforge.regularizers import gradient_penalties
from ganforge.systems.stargan import StarGAN

from ..conftest import TINY
from ..networks.test_published import fill, sines
from ..product import QUICK
from .test_published_steps import five

Compose = Callable[..., DictConfig]
BATCH, TURNS, SIDE, DOMAINS = 4, 2, 16, 3


class Reversed(StarGAN):
    """Targets are the batch's own domains in the reverse order."""

    def targets(self, batch: Batch) -> Tensor:
        assert batch.labels is not None
        return batch.labels.flip(0)


def system(kind: type[StarGAN] = StarGAN, **weights: float) -> StarGAN:
    generator = stargan.Generator(3, DOMAINS, width=4, blocks=2).double()
    discriminator = stargan.Discriminator(SIDE, 3, DOMAINS, width=4).double()
    fill(generator)
    fill(discriminator)
    adam: Any = partial(torch.optim.Adam, lr=0.01, betas=(0.5, 0.999))
    made = kind(
        **{"classification": 1.0, "reconstruction": 10.0} | weights,
        generator=generator,
        discriminator=discriminator,
        game=Game(Wasserstein(), TURNS, {"gradient_penalty": gradient_penalties.GradientPenalty()}),
        optimizers={"generator": adam, "discriminator": adam},
        seed=0,
        fakes="shared",
    )
    made.trainer = Trainer(accelerator="cpu", logger=False, barebones=True)
    made.trainer.strategy._lightning_module = made
    made.trainer.strategy.optimizers = made.configure_optimizers()
    return made


def test_two_rounds_are_those_of_the_authors_code(monkeypatch: pytest.MonkeyPatch) -> None:
    """All terms of the last turns in each round of two discriminator turns and one generator turn, and then five of
    the pixels of fakes, of the logits of patches and of the domains, evenly spaced.

    The numbers are those of the networks and the losses of yunjey/stargan (MIT), with weights by `fill`, images of
    `sines`, reversed targets, the places between real and fake fixed, and Adam at 0.01 in double precision.
    """
    places = torch.arange(1, BATCH + 1).double().view(-1, 1, 1, 1) / (BATCH + 1)
    monkeypatch.setattr(gradient_penalties, "uniform_per_image", lambda _: places)
    played, count, names = system(Reversed), TURNS * BATCH, ("adversarial", "classification")
    found = []
    for number in range(2):
        images = sines((count, 3, SIDE, SIDE), 1 + number * count * 3 * SIDE**2)
        played.play(Batch(images, torch.arange(count) % DOMAINS))
        latest = {name: value.item() for name, value in played.progress.latest.items()}
        found += [latest[f"discriminator/{name}"] for name in (*names, "gradient_penalty")]
        found += [latest[f"generator/{name}"] for name in (*names, "reconstruction")]
    expected = [-0.0378665, 1.1851693, 1.8048997, 0.1057734, 1.0979545, 7.1594823]
    expected += [-0.070726, 1.0920285, 1.0377942, -0.0183196, 1.0174226, 6.9969637]
    assert found == pytest.approx(expected, abs=1e-6)
    images = sines((BATCH, 3, SIDE, SIDE))
    fakes, verdict = played.generator(images, torch.arange(BATCH) % DOMAINS), played.discriminator(images)
    assert five(fakes) == pytest.approx([-0.0567149, 0.1262077, 0.1920359, 0.2722852, -0.0711477], abs=1e-6)
    assert five(verdict.logits) == pytest.approx([0.1767132, -0.0097215, -0.0441447, 0.0105254, -0.149414], abs=1e-6)
    assert five(verdict.classes) == pytest.approx([0.4096657, -0.6914192, -0.0086645, 0.010565, -0.2324364], abs=1e-6)


def test_targets_are_the_domains_of_the_batch_in_another_order() -> None:
    labels = torch.tensor([0, 0, 0, 1, 1, 2] * 5)
    inputs = system().inputs(Batch(torch.zeros(30, 3, SIDE, SIDE), labels))
    assert inputs.label is not None
    assert inputs.label.bincount().equal(labels.bincount())
    assert not inputs.label.equal(labels)


def test_pictures_are_an_image_and_what_it_becomes_in_every_domain() -> None:
    played = system()
    images = sines((10, 3, SIDE, SIDE))
    rows = played.pictures(Batch(images, torch.arange(10) % DOMAINS))["samples"]
    assert rows.shape == (8, 1 + DOMAINS, 3, SIDE, SIDE)
    assert torch.equal(rows[:, 0], images[:8].float())
    expected = played.averaged(images[:8], torch.full((8,), 2)).float()
    assert torch.allclose(rows[:, 3], expected, atol=1e-6)
    assert not torch.allclose(rows[:, 2], expected, atol=1e-2)


@pytest.mark.parametrize("side", [16, 24, 28, 40, 128])
def test_networks_of_any_size(side: int) -> None:
    images = torch.randn(2, 1, side, side)
    verdict = stargan.Discriminator(side, 1, 4, width=2)(images)
    assert verdict.classes is not None and verdict.classes.shape == (2, 4)
    assert verdict.logits.shape[1] == 1 and verdict.logits.shape[2] in (2, 3, 5, 7)
    assert stargan.Generator(1, 4, width=2, blocks=1)(images, torch.tensor([0, 3])).shape == images.shape


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["condition=projection"], "StarGAN takes labels for domains: leave condition= out"),
        (["condition=auxiliary"], "StarGAN takes labels for domains: leave condition= out|is none: leave them out"),
        (["view=edges"], "view=edges is for a model that translates.*: leave it out"),
        (["data=mixture2d"], "the system StarGAN needs class labels, and mixture2d has none. Use data=folder"),
        (["data.image_size=22"], "model=stargan cannot judge 22x22 images"),
        (["data.image_size=20"], None),
        (["system.reconstruction=-1"], "system.reconstruction=-1.* must not be negative"),
        (["regularizer=lecam"], "StarGAN is none: leave them out"),
        (["system=gan"], "model= has no latent"),
        (["loss=elbo"], "makes another game"),
    ],
)
def test_what_does_not_go_together_is_refused(composed: Compose, words: list[str], message: str | None) -> None:
    if message is None:
        build(composed(*TINY["stargan"], *QUICK, *words))
        return
    with pytest.raises(ValueError, match=message):
        build(composed(*TINY["stargan"], *QUICK, *words))


def test_one_domain_leaves_nothing_to_translate_to() -> None:
    with pytest.raises(ValueError, match="between two domains or more, and there is 1"):
        stargan.Generator(1, 1)
