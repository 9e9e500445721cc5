"""Images encoded, decoded and encoded again, against a discriminator (Akcay et al. 2018, arXiv:1805.06725)."""

from typing import Any, ClassVar, Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import l1_loss, mse_loss

from ganforge.detection.detectors import Detector
from ganforge.interfaces import Batch, Critic, Terms
from ganforge.precision import full
from ganforge.sampling.sampler import Sampler
from ganforge.systems.adversarial import AdversarialModule
from ganforge.systems.detecting import DetectorFactory, detector_of, reconstructions


class Reencoded(NamedTuple):
    """Reconstructions (B, C, H, W), and the latents (B, D) of the images and of the reconstructions."""

    images: Tensor
    latents: Tensor
    again: Tensor


class GANomaly(AdversarialModule):
    """The discriminator tells images from reconstructions; the generator moves first, and never learns of its logits.

    It minimises `features` times the mean squared difference of the discriminator's features (equation 1), `pixels`
    times the mean absolute one of pixels (equation 2), and `latents` times the mean squared one of latents (eq. 3).
    """

    goes_with: ClassVar = "model=ganomaly, and any adversarial loss"
    drawing: ClassVar = {}

    def __init__(
        self, features: float, pixels: float, latents: float, detector: DetectorFactory, **adversarial: Any
    ) -> None:
        super().__init__(**adversarial)
        self.weights = {"features": features, "pixels": pixels, "latents": latents}
        for name, weight in self.weights.items():
            if weight < 0:
                raise ValueError(f"system.{name} must not be negative, got {weight}")
        self.detector_factory = detector

    def play(self, batch: Batch) -> None:
        self.play_generator_first(batch)

    def draw(self, batch: Batch) -> Reencoded:
        return Reencoded(*self.generator.reencoded(batch.images))  # type: ignore[operator]

    def generator_terms(self, batch: Batch, drawn: Reencoded) -> Terms:
        with torch.no_grad():
            features = self.discriminator(batch.images).features
        differences = {
            "features": mse_loss(full(self.discriminator(drawn.images).features), full(features)),
            "pixels": l1_loss(full(drawn.images), full(batch.images)),
            "latents": mse_loss(full(drawn.again), full(drawn.latents)),
        }
        return {name: self.weights[name] * difference for name, difference in differences.items()}

    def discriminator_terms(self, batch: Batch, drawn: Reencoded) -> Terms:
        real, fake = batch.images, drawn.images.detach()
        on_real, on_fake = self.logits(real), self.logits(fake)
        if self.measuring:
            self.remember({"logits/real": on_real.mean(), "logits/fake": on_fake.mean()})
        turn = self.turns_before(batch)
        critic: Critic = self.uncompiled(self.logits)
        penalties = self.game.penalty_terms(critic, real, fake, lambda interval: turn % interval == 0)
        return self.game.discriminator_terms(on_real, on_fake) | penalties

    def logits(self, images: Tensor) -> Tensor:
        return self.discriminator(images).logits

    def sampler(self, weights: Literal["ema", "live"] = "ema") -> Sampler:
        """What makes reconstructions: nothing is drawn from noise."""
        return Sampler(self.averaged if weights == "ema" else self.generator)

    def detector(self) -> Detector:
        return detector_of(self.detector_factory, generator=self.averaged)

    def finished(self) -> dict[str, nn.Module]:
        return {"detector": self.detector()}

    def pictures(self, held_out: Batch) -> dict[str, Tensor]:
        return reconstructions(self.detector(), held_out)
