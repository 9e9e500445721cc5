"""The networks of InfoGAN for MNIST (Chen et al. 2016), in the sizes of the authors' code.

Two fully connected layers and two strided convolutions each, at any multiple of 4 pixels. Pixels are in [-1, 1] here,
by a tanh, and in [0, 1] there, by a sigmoid.
"""

from torch import Tensor, nn

from ganforge.interfaces import Verdict
from ganforge.layers.conditioning import LabelledLatent, LabelPlanes
from ganforge.layers.heads import Head, HeadFactory
from ganforge.layers.initialization import radford_
from ganforge.layers.normalization import Normalization, normalization1d, normalization2d

SLOPE = 0.01


def quarter(image_size: int, width: int) -> int:
    """The side of the coarsest maps."""
    if width < 1:
        raise ValueError(f"width={width} should be at least 1 channel")
    if image_size < 4 or image_size % 4:
        raise ValueError(
            f"this model cannot make {image_size}x{image_size} images: it doubles twice, so sizes are multiples of 4"
        )
    return image_size // 4


class Generator(nn.Module):
    """latent (B, latent_dim) -> images (B, channels, image_size, image_size) in [-1, 1].

    With `num_classes`, of the classes `label` (B,); without, labels are ignored. `width` is that of the finest stage,
    `hidden` that of the first layer.
    """

    def __init__(
        self,
        latent_dim: int,
        image_size: int,
        channels: int,
        width: int = 64,
        hidden: int = 1024,
        normalization: Normalization = "batch",
        num_classes: int | None = None,
    ) -> None:
        super().__init__()
        self.num_classes = num_classes
        base = quarter(image_size, width)
        self.labelled = LabelledLatent(latent_dim, num_classes)
        maps = 2 * width * base**2
        self.layers = nn.Sequential(
            nn.Linear(self.labelled.size, hidden),
            normalization1d(normalization, hidden),
            nn.ReLU(inplace=True),
            nn.Linear(hidden, maps),
            normalization1d(normalization, maps),
            nn.ReLU(inplace=True),
            nn.Unflatten(1, (2 * width, base, base)),
            nn.ConvTranspose2d(2 * width, width, 4, 2, 1),
            normalization2d(normalization, width),
            nn.ReLU(inplace=True),
            nn.ConvTranspose2d(width, channels, 4, 2, 1),
            nn.Tanh(),
        )
        radford_(self)

    def forward(self, z: Tensor, label: Tensor | None = None) -> Tensor:
        return self.layers(self.labelled(z, label))


class Discriminator(nn.Module):
    """images (B, channels, image_size, image_size) -> a verdict, with `label_planes` or by its head given `label` (B,).

    `width` is that of the first convolution, `hidden` that of the layer below the logits.
    """

    def __init__(
        self,
        image_size: int,
        channels: int,
        width: int = 64,
        hidden: int = 1024,
        normalization: Normalization = "batch",
        label_planes: int | None = None,
        head: HeadFactory | None = None,
    ) -> None:
        super().__init__()
        base = quarter(image_size, width)
        self.planes = LabelPlanes(label_planes)
        self.layers = nn.Sequential(
            nn.Conv2d(channels + self.planes.channels, width, 4, 2, 1),
            nn.LeakyReLU(SLOPE, inplace=True),
            nn.Conv2d(width, 2 * width, 4, 2, 1),
            normalization2d(normalization, 2 * width),
            nn.LeakyReLU(SLOPE, inplace=True),
            nn.Flatten(),
            nn.Linear(2 * width * base**2, hidden),
            normalization1d(normalization, hidden),
            nn.LeakyReLU(SLOPE, inplace=True),
        )
        self.last = nn.Linear(hidden, 1)
        self.head = (head or Head)(hidden)
        radford_(self)

    def forward(self, image: Tensor, label: Tensor | None = None) -> Verdict:
        features = self.layers(self.planes(image, label))
        return self.head(self.last(features).squeeze(1), features, label)
