"""A generator and an encoder against a discriminator of pairs (Donahue et al. 2017, arXiv:1605.09782)."""

from typing import Any, ClassVar, Literal, NamedTuple

import torch
from torch import Tensor, nn

from ganforge.detection.detectors import Detector
from ganforge.interfaces import Batch, Critic, Terms
from ganforge.sampling.latent import Latent
from ganforge.sampling.sampler import Sampler
from ganforge.systems.adversarial import AdversarialModule
from ganforge.systems.detecting import DetectorFactory, detector_of, reconstructions
from ganforge.systems.team import Team


class Pairs(NamedTuple):
    """Images with latents, each pair one row (B, C*H*W + D, 1, 1), so that penalties differentiate by both."""

    real: Tensor
    """(x, E(x))"""
    fake: Tensor
    """(G(z), z)"""


class BiGAN(AdversarialModule):
    """The discriminator tells (x, E(x)) from (G(z), z); generator and encoder are one player.

    That player minimises the discriminator's loss with the two kinds of pairs exchanged, which for the logarithmic
    loss is what Donahue et al. do (their section 3.3), and Zenati et al. 2018.
    """

    goes_with: ClassVar = "model=bigan, and any adversarial loss"
    drawing: ClassVar = {"ema": "averaged.generator", "live": "generator.generator"}
    generator: Team
    averaged: Team

    def __init__(
        self,
        generator: nn.Module,
        encoder: nn.Module,
        latent: Latent,
        detector: DetectorFactory,
        image_size: int,
        channels: int,
        **adversarial: Any,
    ) -> None:
        super().__init__(generator=Team({"generator": generator, "encoder": encoder}), **adversarial)
        self.latent, self.detector_factory = latent, detector
        self.shape = (channels, image_size, image_size)

    def noise(self, batch: Batch) -> Tensor:
        """The latents of a turn's fakes (B, D)."""
        return self.latent.sample(len(batch.images), self.device).to(batch.images.dtype)

    def draw(self, batch: Batch) -> Pairs:
        z = self.noise(batch)
        fakes, latents = self.generator["generator"](z), self.generator["encoder"](batch.images)
        return Pairs(packed(batch.images, latents), packed(fakes, z))

    def critic(self, pairs: Tensor) -> Tensor:
        images, latents = pairs[:, :, 0, 0].split([pairs.shape[1] - self.latent.dim, self.latent.dim], 1)
        return self.discriminator(images.unflatten(1, self.shape), latents).logits

    def discriminator_terms(self, batch: Batch, drawn: Pairs) -> Terms:
        real, fake = (pairs.detach() for pairs in drawn)
        on_real, on_fake = self.critic(real), self.critic(fake)
        if self.measuring:
            self.remember({"logits/real": on_real.mean(), "logits/fake": on_fake.mean()})
        turn = self.turns_before(batch)
        critic: Critic = self.uncompiled(self.critic)
        penalties = self.game.penalty_terms(critic, real, fake, lambda interval: turn % interval == 0)
        return self.game.discriminator_terms(on_real, on_fake) | penalties

    def generator_terms(self, batch: Batch, drawn: Pairs) -> Terms:
        return self.game.discriminator_terms(self.critic(drawn.fake), self.critic(drawn.real))

    def sampler(self, weights: Literal["ema", "live"] = "ema") -> Sampler:
        team: Any = self.averaged if weights == "ema" else self.generator
        return Sampler(team["generator"], self.latent)

    def detector(self) -> Detector:
        return detector_of(self.detector_factory, **dict(self.averaged.items()), discriminator=self.discriminator)

    def finished(self) -> dict[str, nn.Module]:
        return super().finished() | {"detector": self.detector()}

    def pictures(self, held_out: Batch) -> dict[str, Tensor]:
        return reconstructions(self.detector(), held_out)


def packed(images: Tensor, latents: Tensor) -> Tensor:
    dtype = torch.promote_types(images.dtype, latents.dtype)
    return torch.cat([images.flatten(1).to(dtype), latents.to(dtype)], 1)[:, :, None, None]
