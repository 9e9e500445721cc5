"""Noise to image: the game of Goodfellow et al. 2014."""

from typing import Any, Literal

import torch
from torch import Tensor

from ganforge.interfaces import Batch
from ganforge.systems.adversarial import AdversarialModule
from ganforge.systems.latent import Latent


class GANModule(AdversarialModule):
    """A generator from latents to images against a discriminator of images, for any loss, penalty and constraint."""

    def __init__(self, latent: Latent, **adversarial: Any) -> None:
        super().__init__(**adversarial)
        self.latent = latent

    def discriminator_terms(self, batch: Batch) -> dict[str, Tensor]:
        with torch.no_grad():
            fake = self.generator(self._latents(batch))
        real_logits, fake_logits = self.discriminator(batch.images), self.discriminator(fake)
        if self.observing:
            self.observe({"logits/real": real_logits.mean(), "logits/fake": fake_logits.mean()})
        turn = self.images_seen // (len(batch.images) * self.accumulate_grad_batches * self.trainer.world_size)
        return self.game.discriminator_terms(real_logits, fake_logits, self.discriminator, batch.images, fake, turn)

    def generator_terms(self, batch: Batch) -> dict[str, Tensor]:
        fake = self.generator(self._latents(batch))
        return self.game.generator_terms(self.discriminator, batch.images, self.discriminator(fake))

    def _latents(self, batch: Batch) -> Tensor:
        return self.latent.sample(len(batch.images), self.device).to(batch.images.dtype)

    @torch.no_grad()
    def sample(
        self,
        count: int,
        generator: torch.Generator | None = None,
        weights: Literal["ema", "live"] = "ema",
    ) -> Tensor:
        """Images (count, C, H, W) in [-1, 1] from the averaged weights; `generator` is a CPU stream of latents."""
        return self.images_from(self.latent.sample(count, generator=generator), weights)

    @torch.no_grad()
    def images_from(self, z: Tensor, weights: Literal["ema", "live"] = "ema") -> Tensor:
        """Images for given latents, with batch statistics fixed."""
        z = z.to(self.device).to(self.dtype)
        if weights == "ema":
            return self.averaged_generator(z).float()
        training = self.generator.training
        images = self.generator.eval()(z).float()
        self.generator.train(training)
        return images
