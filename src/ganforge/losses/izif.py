"""The residual of an encoder for a trained GAN: izi_f of Schlegl et al. 2019, "f-AnoGAN".

Image to latent to image, compared as images and as the discriminator's features (doi:10.1016/j.media.2019.01.010).
"""

from torch import Tensor

from ganforge.interfaces import Terms
from ganforge.precision import full


class Izif:
    """Mean squares of the difference between pixels, and `kappa` times those of the discriminator's features."""

    def __init__(self, kappa: float = 1.0) -> None:
        if kappa < 0:
            raise ValueError(f"loss.kappa must not be negative, got {kappa}")
        self.kappa = kappa

    def terms(self, images: Tensor, made: Tensor, features: Tensor, made_features: Tensor) -> Terms:
        """Each (B,), of images and what was made of them, and of their features: equations 3 and 4."""
        return {"pixels": mean_square(images, made), "features": self.kappa * mean_square(features, made_features)}


def mean_square(one: Tensor, other: Tensor) -> Tensor:
    """The mean squared difference within each item of two batches, (B,), in float32 at least."""
    return (full(one) - full(other)).square().flatten(1).mean(1)
