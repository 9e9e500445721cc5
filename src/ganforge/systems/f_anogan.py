"""An encoder for a generator that is trained already (Schlegl et al. 2019, "f-AnoGAN", section 3.2)."""

from typing import Any, ClassVar, Literal

from torch import Tensor, nn

from ganforge.detection.detectors import Detector
from ganforge.interfaces import Batch, Terms
from ganforge.losses.izif import Izif
from ganforge.sampling.latent import Latent
from ganforge.sampling.sampler import Sampler
from ganforge.systems.detecting import DetectorFactory, detector_of, reconstructions
from ganforge.systems.system import System


class FAnoGAN(System):
    """A round is one turn of the encoder, which is the only player: the averaged generator and the discriminator of
    another run, that of `init_from=`, stay what they are, without batch statistics.
    """

    players: ClassVar = ("encoder",)
    averages: ClassVar = {"averaged": "encoder"}
    plays: ClassVar = Izif
    goes_with: ClassVar = "model=f_anogan, and loss=izi_f"
    drawing: ClassVar = {"ema": "generator", "live": "generator"}
    encoder: nn.Module

    def __init__(
        self,
        encoder: nn.Module,
        generator: nn.Module,
        discriminator: nn.Module,
        latent: Latent,
        residual: Izif,
        detector: DetectorFactory,
        **system: Any,
    ) -> None:
        super().__init__({"encoder": encoder}, **system)
        self.generator, self.discriminator = generator.requires_grad_(False), discriminator.requires_grad_(False)
        self.latent, self.residual, self.detector_factory = latent, residual, detector
        self.train()

    @property
    def inherits(self) -> dict[str, str]:
        return {"generator": "averaged", "discriminator": "discriminator"}

    def train(self, mode: bool = True) -> "FAnoGAN":
        super().train(mode)
        self.generator.eval()
        self.discriminator.eval()
        return self

    def play(self, batch: Batch) -> None:
        self.turn("encoder", map(self.terms, self.parts(batch)))
        self.advance(batch)

    def terms(self, batch: Batch) -> Terms:
        made = self.generator(self.encoder(batch.images), None)
        features, made_features = (self.discriminator(seen, None).features for seen in (batch.images, made))
        residuals = self.residual.terms(batch.images, made, features, made_features)
        return {name: residual.mean() for name, residual in residuals.items()}

    def sampler(self, weights: Literal["ema", "live"] = "ema") -> Sampler:
        return Sampler(self.generator, self.latent)

    def detector(self) -> Detector:
        networks = {"generator": self.generator, "discriminator": self.discriminator}
        return detector_of(self.detector_factory, encoder=self.averaged, **networks)

    def finished(self) -> dict[str, nn.Module]:
        return {"detector": self.detector()}

    def pictures(self, held_out: Batch) -> dict[str, Tensor]:
        return reconstructions(self.detector(), held_out)
