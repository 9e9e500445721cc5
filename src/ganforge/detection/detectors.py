"""How abnormal a picture is, by networks that know normal ones alone, and what it was compared with.

All run without batch statistics, and a picture's score depends on no other picture. Pixels are in [-1, 1].
"""

from typing import Any, ClassVar, Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from ganforge.interfaces import Verdict
from ganforge.losses.izif import Izif, mean_square
from ganforge.precision import full


class Anomalies(NamedTuple):
    """What a detector says of images."""

    scores: Tensor
    """(B,): the larger, the more abnormal."""
    reconstructions: Tensor
    """(B, C, H, W): what each image was compared with."""


class Detector(nn.Module):
    """Images (B, C, H, W) -> `Anomalies`. Its members are the networks that `parts` names, as `model=` does."""

    parts: ClassVar[tuple[str, ...]]
    method: ClassVar[str]
    """As its authors call it."""

    def forward(self, images: Tensor) -> Anomalies:
        raise AssertionError("a subclass compares")

    def describe(self) -> dict[str, Any]:
        """What belongs in the stamp."""
        return {"detector": self.method}


class LatentDistance(Detector):
    """The mean squared difference of the latents of an image and of its reconstruction (Akcay et al. 2018, eq. 6)."""

    parts: ClassVar = ("generator",)
    method: ClassVar = "GANomaly"

    def __init__(self, generator: nn.Module) -> None:
        super().__init__()
        self.generator = generator

    def forward(self, images: Tensor) -> Anomalies:
        made, latent, again = self.generator.reencoded(images)  # type: ignore[operator]
        return Anomalies(mean_square(latent, again), full(made))


class PairResidual(Detector):
    """(1 - weight) |x - G(E(x))| + weight d, by encoder and discriminator of pairs (Zenati et al. 2018, section 3).

    d is |f(x, E(x)) - f(G(E(x)), E(x))| of its "features" f, or -log D(G(E(x)), E(x)) of its "logits". |.| are sums.
    """

    parts: ClassVar = ("encoder", "generator", "discriminator")
    method: ClassVar = "EGBAD"

    def __init__(
        self,
        encoder: nn.Module,
        generator: nn.Module,
        discriminator: nn.Module,
        weight: float = 0.1,
        by: Literal["features", "logits"] = "features",
    ) -> None:
        super().__init__()
        if not 0 <= weight <= 1 or by not in ("features", "logits"):
            raise ValueError(f"weight={weight} should be between 0 and 1, and by={by} features or logits")
        self.encoder, self.generator, self.discriminator = encoder, generator, discriminator
        self.weight, self.by = weight, by

    def forward(self, images: Tensor) -> Anomalies:
        z = self.encoder(images)
        made = self.generator(z)
        on_made: Verdict = self.discriminator(made, z)
        if self.by == "logits":
            judged = softplus(-full(on_made.logits))
        else:
            judged = sum_of_differences(self.discriminator(images, z).features, on_made.features)
        return Anomalies((1 - self.weight) * sum_of_differences(images, made) + self.weight * judged, full(made))

    def describe(self) -> dict[str, Any]:
        return super().describe() | {"weight": self.weight, "by": self.by}


class FeatureResidual(Detector):
    """The residual `Izif` by an encoder that was trained to minimise it (Schlegl et al. 2019, equation 6)."""

    parts: ClassVar = ("encoder", "generator", "discriminator")
    method: ClassVar = "f-AnoGAN"

    def __init__(self, encoder: nn.Module, generator: nn.Module, discriminator: nn.Module, kappa: float = 1.0) -> None:
        super().__init__()
        self.encoder, self.generator, self.discriminator = encoder, generator, discriminator
        self.residual = Izif(kappa)

    def forward(self, images: Tensor) -> Anomalies:
        made = self.generator(self.encoder(images))
        features, made_features = (self.discriminator(seen).features for seen in (images, made))
        terms = self.residual.terms(images, made, features, made_features)
        return Anomalies(torch.stack(list(terms.values())).sum(0), full(made))

    def describe(self) -> dict[str, Any]:
        return super().describe() | {"kappa": self.residual.kappa}


class Inversion(Detector):
    """(1 - weight) |x - G(z)| + weight |f(x) - f(G(z))| after descending it by z (Schlegl et al. 2017, eqs. 3 to 6).

    |.| are sums over pixels, and over the features f of a discriminator; without one the weight is zero. By `steps` of
    Adam from the latents `starts` (S, dim), the same for every image, of which the best is kept.
    """

    parts: ClassVar = ("generator", "discriminator")
    method: ClassVar = "AnoGAN"

    def __init__(
        self,
        generator: nn.Module,
        discriminator: nn.Module | None,
        starts: Tensor,
        bounded: bool = False,
        weight: float = 0.1,
        steps: int = 500,
        learning_rate: float = 0.05,
    ) -> None:
        super().__init__()
        self.generator, self.discriminator = generator, discriminator
        self.register_buffer("starts", starts)
        self.bounded, self.steps, self.learning_rate = bounded, steps, learning_rate
        self.weight = 0.0 if discriminator is None else weight

    def forward(self, images: Tensor) -> Anomalies:
        features = None if self.discriminator is None else self.discriminator(images).features.detach()
        with torch.enable_grad():
            found = [self._from(start, images, features) for start in self.starts]  # type: ignore[union-attr]
        scores, made = (torch.stack(parts) for parts in zip(*found, strict=True))
        best = scores.argmin(0)
        return Anomalies(scores.amin(0), made[best, torch.arange(len(images), device=best.device)])

    def _from(self, start: Tensor, images: Tensor, features: Tensor | None) -> Anomalies:
        z = start.expand(len(images), -1).clone().requires_grad_()
        optimizer = torch.optim.Adam([z], self.learning_rate)
        for _ in range(self.steps):
            optimizer.zero_grad()
            self._compare(z, images, features).scores.sum().backward()
            optimizer.step()
            if self.bounded:
                z.data.clamp_(-1, 1)
        with torch.no_grad():
            return self._compare(z, images, features)

    def _compare(self, z: Tensor, images: Tensor, features: Tensor | None) -> Anomalies:
        made = self.generator(z, None)
        scores = (1 - self.weight) * sum_of_differences(images, made)
        if self.discriminator is not None and features is not None:
            scores = scores + self.weight * sum_of_differences(features, self.discriminator(made).features)
        return Anomalies(scores, full(made))

    def describe(self) -> dict[str, Any]:
        settings = {"weight": self.weight, "steps": self.steps, "starts": len(self.starts)}  # type: ignore[arg-type]
        return super().describe() | settings


STORED = {f"{kind.__module__}.{kind.__name__}": kind for kind in (LatentDistance, PairResidual, FeatureResidual)}
"""Those that a file of weights may name."""


def sum_of_differences(one: Tensor, other: Tensor) -> Tensor:
    """The sum of absolute differences within each item of two batches, (B,), in float32 at least."""
    return (full(one) - full(other)).abs().flatten(1).sum(1)
