"""Networks that grow (Karras et al. 2018, arXiv:1710.10196)."""

import math
from typing import Any, ClassVar, Protocol, runtime_checkable

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, interpolate

from ganforge.interfaces import Batch
from ganforge.systems.gan import GANModule
from ganforge.systems.growth import Growth


@runtime_checkable
class Growing(Protocol):
    """A network that is told how many of its levels are in use."""

    levels: int
    grown: float
    level: Tensor

    def grow(self, level: float) -> None: ...


class ProgressiveGAN(GANModule):
    """At the start of a round all networks grow to the level that the clock says, and real images are shown as these
    see them: of the resolution of the last level in use, its finer details faded in. Where a fade begins or ends, the
    optimizers forget their moments.
    """

    goes_with: ClassVar = "model=progan, and any adversarial loss"
    generator: Any
    discriminator: Any

    def __init__(self, growth: Growth, **gan: Any) -> None:
        super().__init__(**gan)
        if not isinstance(self.generator, Growing) or not isinstance(self.discriminator, Growing):
            raise ValueError(f"system=progressive: these networks have no levels; it goes with {self.goes_with}")
        self.growth = growth
        self.grow()

    def batch_multiple(self, images_seen: int) -> int:
        return self.growth.batch_multiple(self.level_at(images_seen))

    @property
    def largest_batch_multiple(self) -> int:
        return max([1, *self.growth.batch_multiples])

    def play(self, batch: Batch) -> None:
        before = self.generator.grown
        self.grow()
        if levels_in_use(before) != levels_in_use(self.generator.grown):
            for optimizer in self.trainer.optimizers:
                optimizer.state.clear()
            if self.settings.compile:
                torch.compiler.reset()  # or the graphs of earlier levels use up those that one function may have
        if self.measuring:
            self.remember({"growth/level": self.generator.level.clone()})
        super().play(batch._replace(images=coarse(batch.images, self.generator.levels - self.generator.grown)))

    def grow(self) -> None:
        level = self.level_at(self.progress.images_seen)
        for network in (self.generator, self.discriminator, self.averaged):
            network.grow(level)

    def level_at(self, images_seen: int) -> float:
        return min(self.growth(images_seen), self.generator.levels)


def levels_in_use(level: float) -> tuple[int, int]:
    """How many are complete, and how many there are with the one that fades in."""
    return math.floor(level), math.ceil(level)


def coarse(images: Tensor, lacking: float) -> Tensor:
    """Images (B, C, H, W) without the details of the last `lacking` doublings, of the first of them by its share."""
    whole = math.floor(lacking)
    images = avg_pool2d(images, 2**whole)
    if lacking > whole:
        images = torch.lerp(images, interpolate(avg_pool2d(images, 2), scale_factor=2.0), lacking - whole)
    return interpolate(images, scale_factor=2.0**whole)
