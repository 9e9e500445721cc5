"""Noise to image: the game of Goodfellow et al. 2014."""

from typing import Any, Literal

from torch import Tensor

from ganforge.interfaces import Augmentation, Batch, Critic, Drawn, Inputs, Terms
from ganforge.sampling.latent import Latent
from ganforge.sampling.sampler import Sampler
from ganforge.systems.adversarial import AdversarialModule


class GANModule(AdversarialModule):
    """A generator from latents to images against a discriminator of images, for any loss, penalty and constraint.

    Networks with `num_classes` play class by class: a batch's labels go with its real images and with its fakes alike.
    Others ignore them. What the discriminator sees passes through `augment`.
    """

    def __init__(self, latent: Latent, augment: Augmentation | None = None, **adversarial: Any) -> None:
        super().__init__(**adversarial)
        self.latent = latent
        self.augment = augment

    def scheduled_keys(self, owner: str) -> set[str]:
        if owner == "augment" and self.augment is not None:
            return set(self.augment.scheduled)
        return super().scheduled_keys(owner)

    def follow(self, owner: str, key: str, value: float) -> None:
        if owner == "augment":
            setattr(self.augment, key, value)
        else:
            super().follow(owner, key, value)

    def inputs(self, batch: Batch) -> Inputs:
        """What the fakes of a turn start from."""
        z = self.latent.sample(len(batch.images), self.device)
        return Inputs(z.to(batch.images.dtype), batch.labels)

    def draw(self, batch: Batch) -> Drawn:
        inputs = self.inputs(batch)
        return Drawn(self.generator(*inputs), inputs)

    def judge(self, images: Tensor, batch: Batch) -> Tensor:
        """The logits of images; image number i is taken for one of the batch's class i."""
        seen = images if self.augment is None else self.augment(images)
        return self.discriminator(seen, batch.labels)

    def discriminator_terms(self, batch: Batch, drawn: Drawn) -> Terms:
        real, fake = self.judge(batch.images, batch), self.judge(drawn.images.detach(), batch)
        self.observe_logits(real, fake)
        return self.game.discriminator_terms(real, fake) | self.penalty_terms(batch, drawn)

    def penalty_terms(self, batch: Batch, drawn: Drawn) -> Terms:
        turn = self.turns_before(batch)
        return self.game.penalty_terms(self.critic(batch), batch.images, drawn.images.detach(), turn)

    def observe_logits(self, real_logits: Tensor, fake_logits: Tensor) -> None:
        """What the logits of a discriminator turn are good for besides its terms."""
        moved = {} if self.augment is None else self.augment.adapt(real_logits)
        if self.measuring:
            self.remember({"logits/real": real_logits.mean(), "logits/fake": fake_logits.mean()})
            self.remember({f"augment/{name}": value for name, value in moved.items()})

    def generator_terms(self, batch: Batch, drawn: Drawn) -> Terms:
        return self.game.generator_terms(lambda: self.judge(batch.images, batch), self.judge(drawn.images, batch))

    def critic(self, batch: Batch) -> Critic:
        """The discriminator as a function of images only, for penalties."""
        return self.uncompiled(lambda images: self.judge(images, batch))

    def sampler(self, weights: Literal["ema", "live"] = "ema") -> Sampler:
        return Sampler(self.averaged if weights == "ema" else self.generator, self.latent)
