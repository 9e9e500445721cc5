"""Encoder and discriminator of pairs of EGBAD's BiGAN for MNIST (Zenati et al. 2018, arXiv:1802.06222, appendix).

Their generator is InfoGAN's (`networks/infogan.py`). Sizes are multiples of 4 pixels.
"""

import torch
from torch import Tensor, nn

from ganforge.interfaces import Verdict
from ganforge.layers.initialization import radford_
from ganforge.layers.normalization import Normalization, normalization2d
from ganforge.networks.infogan import quarter

SLOPE = 0.1


class Encoder(nn.Module):
    """images (B, channels, image_size, image_size) -> latents (B, latent_dim). `width` is that of the finest stage."""

    def __init__(
        self, latent_dim: int, image_size: int, channels: int, width: int = 32, normalization: Normalization = "batch"
    ) -> None:
        super().__init__()
        base = quarter(image_size, width)
        self.layers = nn.Sequential(
            nn.Conv2d(channels, width, 3, 1, 1),
            nn.LeakyReLU(SLOPE, inplace=True),
            nn.Conv2d(width, 2 * width, 3, 2, 1),
            normalization2d(normalization, 2 * width),
            nn.LeakyReLU(SLOPE, inplace=True),
            nn.Conv2d(2 * width, 4 * width, 3, 2, 1),
            normalization2d(normalization, 4 * width),
            nn.LeakyReLU(SLOPE, inplace=True),
            nn.Flatten(),
            nn.Linear(4 * width * base**2, latent_dim),
        )
        radford_(self)

    def forward(self, image: Tensor) -> Tensor:
        return self.layers(image)


class Discriminator(nn.Module):
    """Pairs of images (B, channels, image_size, image_size) and latents (B, latent_dim) -> a verdict on each pair.

    `hidden` is the width of the layer that sees both, twice that of the one that sees latents alone.
    """

    def __init__(
        self,
        latent_dim: int,
        image_size: int,
        channels: int,
        width: int = 64,
        hidden: int = 1024,
        dropout: float = 0.5,
        normalization: Normalization = "batch",
    ) -> None:
        super().__init__()
        if hidden < 2 or not 0 <= dropout < 1:
            raise ValueError(f"hidden={hidden} should be at least 2, and dropout={dropout} at least 0 and below 1")
        base = quarter(image_size, width)
        self.of_image = nn.Sequential(
            nn.Conv2d(channels, width, 4, 2, 1),
            *rectified(dropout),
            nn.Conv2d(width, width, 4, 2, 1),
            normalization2d(normalization, width),
            *rectified(dropout),
            nn.Flatten(),
        )
        self.of_latent = nn.Sequential(nn.Linear(latent_dim, hidden // 2), *rectified(dropout))
        self.of_both = nn.Sequential(nn.Linear(width * base**2 + hidden // 2, hidden), *rectified(dropout))
        self.last = nn.Linear(hidden, 1)
        radford_(self)

    def forward(self, image: Tensor, z: Tensor) -> Verdict:
        features = self.of_both(torch.cat([self.of_image(image), self.of_latent(z)], 1))
        return Verdict(self.last(features).squeeze(1), features)


def rectified(dropout: float) -> tuple[nn.Module, nn.Module]:
    return nn.LeakyReLU(SLOPE, inplace=True), nn.Dropout(dropout)
