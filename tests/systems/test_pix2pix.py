"""Translation from pairs, by hand: what each player minimises, and what the discriminator sees."""

import pytest
import torch
from lightning import Trainer
from torch import Tensor, nn
from torch.nn.functional import softplus

from ganforge.interfaces import Batch, Verdict
from ganforge.losses.adversarial import NonSaturating
from ganforge.losses.game import Game
from ganforge.regularizers.gradient_penalties import R1
from ganforge.systems.pix2pix import Pix2Pix


class Scaling(nn.Module):
    """Images of two channels from sources of one: twice and three times as bright, times a weight of one."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(1))

    def forward(self, source: Tensor, label: Tensor | None = None) -> Tensor:
        return self.weight * torch.cat([2 * source, 3 * source], 1)


class Patches(nn.Module):
    """A logit for each pixel: a weighted sum of its channels."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor([0.5, 1.0, -1.0])[:, None, None])
        self.seen: list[Tensor] = []

    def forward(self, image: Tensor, label: Tensor | None = None) -> Verdict:
        self.seen.append(image.detach())
        return Verdict((self.weight * image).sum(1, keepdim=True), image)


BATCH = Batch(torch.rand(4, 2, 3, 3) * 2 - 1, sources=torch.rand(4, 1, 3, 3) * 2 - 1)


def translator(l1: float = 100.0, **game: R1) -> Pix2Pix:
    system = Pix2Pix(
        l1,
        generator=Scaling(),
        discriminator=Patches(),
        game=Game(NonSaturating(), penalties=game),
        optimizers={},
        seed=0,
    )
    system.trainer = Trainer(accelerator="cpu", logger=False, enable_checkpointing=False)
    return system


def test_the_discriminator_sees_each_image_beside_its_source() -> None:
    system = translator()
    drawn = system.draw(BATCH)
    system.discriminator_terms(BATCH, drawn)
    real, fake = system.discriminator.seen
    assert torch.equal(real, torch.cat([BATCH.sources, BATCH.images], 1))
    assert torch.equal(fake, torch.cat([BATCH.sources, drawn.images], 1))


def test_terms_are_those_of_equation_4() -> None:
    """With the logits -log(1 - sigmoid) and -log sigmoid written out, means over all patches, and 100 L1."""
    system, x, y = translator(), BATCH.sources, BATCH.images
    fake = torch.cat([2 * x, 3 * x], 1)
    on_real, on_fake = 0.5 * x + y[:, :1] - y[:, 1:], 0.5 * x - x
    discriminators = system.discriminator_terms(BATCH, system.draw(BATCH))
    generators = system.generator_terms(BATCH, system.draw(BATCH))
    assert discriminators.keys() == {"adversarial"}
    expected = softplus(-on_real).mean() + softplus(on_fake).mean()
    assert discriminators["adversarial"].item() == pytest.approx(expected.item())
    assert generators["adversarial"].item() == pytest.approx(softplus(-on_fake).mean().item())
    assert generators["l1"].item() == pytest.approx(100 * (fake - y).abs().mean().item())


def test_penalties_differentiate_by_the_image_alone() -> None:
    """Of nine patches a pixel, whose gradients by the two channels of the image are 1 and -1: R1 is weight * 18 / 2."""
    system = translator(r1=R1(weight=2))
    assert system.discriminator_terms(BATCH, system.draw(BATCH))["r1"].item() == pytest.approx(18)


def test_pictures_are_rows_of_source_translation_and_truth() -> None:
    rows = translator().pictures(BATCH)["samples"]
    assert rows.shape == (3, 4, 2, 3, 3)
    assert torch.equal(rows[0], BATCH.sources.expand(-1, 2, -1, -1))
    assert torch.equal(rows[1], torch.cat([2 * BATCH.sources, 3 * BATCH.sources], 1))
    assert torch.equal(rows[2], BATCH.images)


def test_a_negative_weight_is_refused() -> None:
    with pytest.raises(ValueError, match="l1 must not be negative"):
        translator(l1=-1)
