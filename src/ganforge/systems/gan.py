"""Noise to image: the game of Goodfellow et al. 2014."""

from functools import partial
from typing import Any, Literal

import torch
from torch import Tensor

from ganforge.interfaces import Batch, Critic
from ganforge.systems.adversarial import AdversarialModule
from ganforge.systems.latent import Latent


class GANModule(AdversarialModule):
    """A generator from latents to images against a discriminator of images, for any loss, penalty and constraint.

    Networks with `num_classes` play class by class: a batch's labels go with its real images and with its fakes alike.
    Others ignore them.
    """

    def __init__(self, latent: Latent, **adversarial: Any) -> None:
        super().__init__(**adversarial)
        self.latent = latent
        self.kept_fakes: list[Tensor] = []

    def discriminator_terms(self, batch: Batch) -> dict[str, Tensor]:
        with torch.set_grad_enabled(self.keeps_fakes):
            fake = self._fakes(batch)
        if self.keeps_fakes:
            self.kept_fakes.append(fake)
        critic = self._critic(batch)
        return self._discriminator_terms(batch, critic(batch.images), critic(fake.detach()), fake)

    def _discriminator_terms(
        self, batch: Batch, real_logits: Tensor, fake_logits: Tensor, fake: Tensor
    ) -> dict[str, Tensor]:
        if self.observing:
            self.observe({"logits/real": real_logits.mean(), "logits/fake": fake_logits.mean()})
        turn = self.images_seen // (len(batch.images) * self.settings.accumulate_grad_batches * self.trainer.world_size)
        uncompiled = partial(self.discriminator.forward, label=batch.labels)  # for penalties, which differentiate twice
        return self.game.discriminator_terms(real_logits, fake_logits, uncompiled, batch.images, fake.detach(), turn)

    def generator_terms(self, batch: Batch) -> dict[str, Tensor]:
        critic = self._critic(batch)
        fake = self.kept_fakes.pop(0) if self.kept_fakes else self._fakes(batch)
        return self.game.generator_terms(lambda: critic(batch.images), critic(fake))

    def joint_terms(self, batch: Batch) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """d discriminator loss / d fake becomes d generator loss / d fake on its way back to the generator."""
        critic, fake = self._critic(batch), self._fakes(batch)
        real_logits, fake_logits = critic(batch.images), critic(fake)
        ratio = self.game.gradient_ratio(real_logits, fake_logits)
        fake.register_hook(lambda gradient: gradient * ratio.to(gradient.dtype)[:, None, None, None])
        generator_terms = self.game.generator_terms(lambda: real_logits, fake_logits.detach())
        return self._discriminator_terms(batch, real_logits, fake_logits, fake), generator_terms

    def _fakes(self, batch: Batch) -> Tensor:
        z = self.latent.sample(len(batch.images), self.device).to(batch.images.dtype)
        return self.generator(z, batch.labels)

    def _critic(self, batch: Batch) -> Critic:
        """The discriminator as a function of images only: image number i is taken for one of the batch's class i."""
        return partial(self.discriminator, label=batch.labels)

    @torch.no_grad()
    def sample(
        self,
        count: int,
        generator: torch.Generator | None = None,
        weights: Literal["ema", "live"] = "ema",
        labels: Tensor | None = None,
    ) -> Tensor:
        """Images (count, C, H, W) in [-1, 1] from the averaged weights; `generator` is a CPU stream of latents.

        A conditional generator draws the classes `labels` (count,), without them 0, 1, 2, ... over and over.
        """
        return self.images_from(self.latent.sample(count, generator=generator), weights, labels)

    @torch.no_grad()
    def images_from(self, z: Tensor, weights: Literal["ema", "live"] = "ema", labels: Tensor | None = None) -> Tensor:
        """Images for given latents, and labels as in `sample`, with batch statistics fixed."""
        num_classes: int | None = getattr(self.generator, "num_classes", None)
        if labels is None and num_classes is not None:
            labels = torch.arange(len(z)) % num_classes
        z = z.to(self.device).to(self.dtype)
        labels = None if labels is None else labels.to(self.device)
        if weights == "ema":
            return self.averaged_generator(z, labels).float()
        training = self.generator.training
        images = self.generator.eval()(z, labels).float()
        self.generator.train(training)
        return images
