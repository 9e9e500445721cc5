"""From images to latents, by the stages of DCGAN's discriminator (Radford et al. 2016)."""

from itertools import pairwise

from torch import Tensor, nn

from ganforge.layers.convolution import ToPixel
from ganforge.layers.initialization import radford_
from ganforge.layers.normalization import Normalization
from ganforge.networks.dcgan import base_and_depth, doubled, stage


class Encoder(nn.Module):
    """images (B, channels, image_size, image_size) -> latents (B, latent_dim), without bounds.

    Its first stage is never normalised, and no layer but the norms has a bias, as in GANomaly (Akcay et al. 2018).
    """

    def __init__(
        self, latent_dim: int, image_size: int, channels: int, width: int = 64, normalization: Normalization = "batch"
    ) -> None:
        super().__init__()
        base, depth = base_and_depth(image_size)
        widths = [channels, *doubled(width, depth)]
        layers: list[nn.Module] = []
        for inputs, outputs in pairwise(widths):
            kind = normalization if layers else "none"
            layers += stage(nn.Conv2d(inputs, outputs, 4, 2, 1, bias=False), outputs, kind, slope=0.2)
        self.layers = nn.Sequential(*layers, ToPixel(widths[-1], latent_dim, base, bias=False))
        radford_(self)

    def forward(self, image: Tensor) -> Tensor:
        return self.layers(image).flatten(1)
