"""The plain convolutional networks of SNGAN (Miyato et al. 2018, table 3, "Spectral Normalization for Generative
Adversarial Networks").

Every stage doubles or halves the resolution, down to a base of 4 to 7 pixels: 16, 32 and 64 come from 4, 28 from 7. The
paper's `width` at the finest stage is 64; coarser stages double it. In the discriminator widths double where the
resolution is halved, as in the authors' code; in the paper's table they do one layer later.
"""

from itertools import pairwise

from torch import Tensor, nn
from torch.nn.functional import relu

from ganforge.interfaces import Verdict
from ganforge.layers.conditioning import LabelPlanes
from ganforge.layers.heads import Head, HeadFactory
from ganforge.layers.initialization import radford_
from ganforge.layers.normalization import ClassBatchNorm2d
from ganforge.layers.spectral import SNConv2d, SNLinear
from ganforge.networks.dcgan import base_and_depth, doubled


class Generator(nn.Module):
    """latent (B, latent_dim) -> images (B, channels, image_size, image_size) in [-1, 1].

    With `num_classes`, of the classes `label` (B,), by its norms (Miyato and Koyama 2018); without, labels are ignored.
    """

    def __init__(
        self, latent_dim: int, image_size: int, channels: int, width: int = 64, num_classes: int | None = None
    ) -> None:
        super().__init__()
        self.num_classes = num_classes
        base, depth = base_and_depth(image_size)
        widths = doubled(width, depth + 1)[::-1]
        self.shape = (widths[0], base, base)
        self.first = nn.Linear(latent_dim, widths[0] * base**2)
        self.norms = nn.ModuleList(ClassBatchNorm2d(channels, num_classes) for channels in widths)
        self.convolutions = nn.ModuleList(
            [
                *(nn.ConvTranspose2d(inputs, outputs, 4, 2, 1) for inputs, outputs in pairwise(widths)),
                nn.Conv2d(widths[-1], channels, 3, padding=1),
            ]
        )
        radford_(self)

    def forward(self, z: Tensor, label: Tensor | None = None) -> Tensor:
        features = self.first(z).unflatten(1, self.shape)
        for norm, convolution in zip(self.norms, self.convolutions, strict=True):
            features = convolution(relu(norm(features, label), inplace=True))
        return features.tanh()


class Discriminator(nn.Module):
    """images (B, channels, image_size, image_size) -> a verdict, with `label_planes` or by its head given `label` (B,).

    There is no normalisation but the spectral one, so images are independent of one another.
    """

    def __init__(
        self,
        image_size: int,
        channels: int,
        width: int = 64,
        label_planes: int | None = None,
        head: HeadFactory | None = None,
    ) -> None:
        super().__init__()
        self.planes = LabelPlanes(label_planes)
        base, depth = base_and_depth(image_size)
        widths = doubled(width, depth + 1)
        layers: list[nn.Module] = [SNConv2d(channels + self.planes.channels, width, 3, padding=1)]
        for inputs, outputs in pairwise(widths):
            layers += [rectifier(), SNConv2d(inputs, outputs, 4, 2, 1)]
            layers += [rectifier(), SNConv2d(outputs, outputs, 3, padding=1)]
        self.layers = nn.Sequential(*layers, rectifier(), nn.Flatten())
        features = widths[-1] * base**2
        self.last = SNLinear(features, 1)
        self.head = (head or Head)(features, spectral_norm=True)
        radford_(self)

    def forward(self, image: Tensor, label: Tensor | None = None) -> Verdict:
        features = self.layers(self.planes(image, label))
        return self.head(self.last(features).flatten(), features, label)


def rectifier() -> nn.Module:
    return nn.LeakyReLU(0.1, inplace=True)
