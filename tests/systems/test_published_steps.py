"""Whole rounds against the training code of others: losses, Adam, spectral norms, batch statistics, order of turns."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
import torch
from lightning import Trainer
from torch import Tensor

from ganforge.interfaces import Batch
from ganforge.losses.adversarial import Hinge
from ganforge.losses.game import Game
from ganforge.networks import biggan, sngan
from ganforge.sampling.latent import Latent
from ganforge.systems.gan import GANModule

from ..networks.test_published import fill, sines
from ..verdicts import output, projection

BATCH, TURNS, DIM, SIDE = 4, 2, 8, 32


class Sines(Latent):
    """Latents numbered through."""

    def __init__(self) -> None:
        super().__init__(DIM)
        self.drawn = self.numbered()

    def numbered(self) -> Iterator[Tensor]:
        first = 1
        while True:
            yield sines((BATCH, DIM), first)
            first += BATCH * DIM

    def sample(self, *_: Any, **__: Any) -> Tensor:
        return next(self.drawn)


def five(outputs: Tensor) -> list[float]:
    return outputs.flatten()[torch.linspace(0, outputs.numel() - 1, 5).long()].tolist()


@pytest.mark.parametrize(
    ("players", "judging", "betas", "losses", "drawn", "judged"),
    [
        pytest.param(
            (
                lambda: biggan.Generator(DIM, SIDE, 3, 2, 3, 5, hierarchical=True, attention=16),
                lambda: biggan.Discriminator(SIDE, 3, 2, attention=16, head=projection(3)),
            ),
            "together",
            (0.0, 0.999),
            [5.346779, -0.4924899, 2.2716396, -0.2862604],
            [0.3842294, -0.0120092, -0.0615764, -0.0575516, -0.0052848],
            [1.3922955, 0.4504284, 1.1669677, 1.2510009, 0.5501464],
            id="biggan",
        ),
        pytest.param(
            (
                lambda: sngan.Generator(DIM, SIDE, 3, 4, upsampling="bilinear"),
                lambda: sngan.Discriminator(SIDE, 3, 4),
            ),
            "apart",
            (0.0, 0.9),
            [16.4769662, -4.3818844, 0.8258901, -3.5873856],
            [0.1441317, -0.0503678, -0.0049092, -0.0173167, -0.0009998],
            [7.3926321, 7.5160561, 7.5841513, 7.7410074, 7.6337642],
            id="sngan",
        ),
    ],
)
def test_two_rounds_are_those_of_a_reference(
    players: tuple[Callable[[], Any], Callable[[], Any]],
    judging: Any,
    betas: tuple[float, float],
    losses: list[float],
    drawn: list[float],
    judged: list[float],
) -> None:
    """The players' last losses in each round of two discriminator turns and one generator turn, and then, in eval mode,
    five fakes' pixels, evenly spaced, and five logits.

    The numbers are those of the training function of BigGAN-PyTorch (github.com/ajbrock/BigGAN-PyTorch, MIT), and of
    the `train_step` of mimicry's networks (github.com/kwotsin/mimicry, MIT), with its own spectral norm and rectifiers
    not in place. Weights were filled by `fill`, in the order of our layers; images and latents are `sines`,
    numbered through; both learn by Adam at 0.01 in double precision.
    """
    generator, discriminator = (make().double() for make in players)
    fill(generator)
    fill(discriminator)
    adam: Any = partial(torch.optim.Adam, lr=0.01, betas=betas)
    system = GANModule(
        Sines(),
        generator=generator,
        discriminator=discriminator,
        game=Game(Hinge(), TURNS),
        optimizers={"generator": adam, "discriminator": adam},
        seed=0,
        judging=judging,
    )
    system.trainer = Trainer(accelerator="cpu", logger=False, barebones=True)
    system.trainer.strategy._lightning_module = system
    system.trainer.strategy.optimizers = system.configure_optimizers()
    count = TURNS * BATCH
    found = []
    for number in range(2):
        images = sines((count, 3, SIDE, SIDE), 1 + number * count * 3 * SIDE**2)
        system.play(Batch(images, torch.arange(count) % 3))
        found += [system.progress.latest[f"{player}/adversarial"].item() for player in system.players]
    assert found == pytest.approx(losses, abs=1e-6)
    system.eval()
    assert five(generator(sines((BATCH, DIM)), torch.arange(BATCH) % 3)) == pytest.approx(drawn, abs=1e-6)
    logits = output(discriminator, sines((5, 3, SIDE, SIDE)), torch.arange(5) % 3)
    assert logits.tolist() == pytest.approx(judged, abs=1e-6)
