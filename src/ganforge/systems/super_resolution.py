"""Larger images from small ones (Ledig et al. 2017, arXiv:1609.04802; Wang et al. 2018, arXiv:1809.00219)."""

from typing import Any, ClassVar, Literal

from torch import Tensor, nn

from ganforge.interfaces import Batch, Cached, Drawn, Inputs, Terms
from ganforge.losses.content import Content
from ganforge.sampling.sampler import Sampler
from ganforge.systems.gan import GANModule
from ganforge.systems.pictures import in_rows
from ganforge.systems.system import System

NEEDS = frozenset({"pairs", "smaller sources"})


class Regression(System):
    """A generator that minimises the content loss, without a discriminator: what super-resolution begins with.

    By pixels this is SRResNet, or ESRGAN's generator before its training as a GAN.
    """

    players: ClassVar = ("generator",)
    averages: ClassVar = {"averaged": "generator"}
    plays: ClassVar = Content
    needs: ClassVar = NEEDS
    goes_with: ClassVar = "model=srresnet or rrdb, and loss=content"
    generator: nn.Module

    def __init__(self, generator: nn.Module, content: Content, **system: Any) -> None:
        super().__init__({"generator": generator}, **system)
        self.content = content

    def prepare(self, train: Batch, held_out: Batch, cached: Cached) -> None:
        self.content.prepare(train, held_out, cached)

    def stamp(self) -> dict[str, Any]:
        return {"content": self.content.describe()}

    def play(self, batch: Batch) -> None:
        self.turn("generator", map(self.terms, self.parts(batch)))
        self.advance(batch)

    def terms(self, batch: Batch) -> Terms:
        return self.content.terms(self.generator(batch.sources), batch.images)

    def sampler(self, weights: Literal["ema", "live"] = "ema") -> Sampler:
        return Sampler(self.averaged if weights == "ema" else self.generator)

    def pictures(self, held_out: Batch) -> dict[str, Tensor]:
        return {"samples": enlargements(self.sampler(), held_out)}


class SuperResolution(GANModule):
    """The generator minimises the content and `adversarial` times the game's loss; the discriminator sees no source."""

    needs: ClassVar = NEEDS
    goes_with: ClassVar = "model=srgan or esrgan, and any adversarial loss"

    def __init__(self, content: Content, adversarial: float, **gan: Any) -> None:
        super().__init__(latent=None, **gan)  # type: ignore[arg-type]  # sources stand in its place
        if adversarial <= 0:
            raise ValueError(
                f"system.adversarial={adversarial} must be positive; model=srresnet and rrdb have no discriminator"
            )
        self.content, self.adversarial = content, adversarial

    def prepare(self, train: Batch, held_out: Batch, cached: Cached) -> None:
        self.content.prepare(train, held_out, cached)

    def stamp(self) -> dict[str, Any]:
        return {"content": self.content.describe()}

    def inputs(self, batch: Batch) -> Inputs:
        assert batch.sources is not None
        return Inputs(batch.sources, batch.labels)

    def generator_terms(self, batch: Batch, drawn: Drawn) -> Terms:
        game = {name: self.adversarial * term for name, term in super().generator_terms(batch, drawn).items()}
        return self.content.terms(drawn.images, batch.images) | game

    def pictures(self, held_out: Batch) -> dict[str, Tensor]:
        return {"samples": enlargements(self.sampler(), held_out)}


def enlargements(sampler: Sampler, held_out: Batch) -> Tensor:
    """Rows of small sources, of what the generator makes of them, and of their true counterparts."""
    assert held_out.sources is not None
    return in_rows(held_out.sources, sampler.images(Inputs(held_out.sources, held_out.labels)), held_out.images)
