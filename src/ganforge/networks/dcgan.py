"""DCGAN (Radford, Metz and Chintala 2016, "Unsupervised Representation Learning with Deep Convolutional GANs").

Every stage doubles or halves the resolution, down to a base of 4 to 7 pixels: 16, 32 and 64 come from 4, 28 from 7.
The paper's `width` at the finest stage is 64 (128 in its generator for 64 pixels); coarser stages double it.
"""

from itertools import pairwise
from typing import Literal

from torch import Tensor, nn

from ganforge.interfaces import Verdict
from ganforge.layers.conditioning import LabelledLatent, LabelPlanes
from ganforge.layers.convolution import FromPixel, ToPixel
from ganforge.layers.heads import Head, HeadFactory
from ganforge.layers.initialization import radford_
from ganforge.layers.normalization import ClassBatchNorm2d, Normalization, normalization2d


def base_and_depth(image_size: int) -> tuple[int, int]:
    """The base resolution (4 to 7) and the number of doublings that make `image_size`; ValueError where none do."""
    base, depth = image_size, 0
    while base > 7 and base % 2 == 0:
        base, depth = base // 2, depth + 1
    if depth == 0 or not 4 <= base <= 7:
        raise ValueError(
            f"this model cannot make {image_size}x{image_size} images: it doubles 4, 5, 6 or 7 pixels "
            "(16, 28, 32, 48, 64, ...)"
        )
    return base, depth


def doubled(width: int, depth: int) -> list[int]:
    """Channels from the finest stage to the coarsest; ValueError where there are none."""
    if width < 1:
        raise ValueError(f"width={width} should be at least 1 channel")
    return [width * 2**number for number in range(depth)]


def stage(layer: nn.Module, outputs: int, normalization: Normalization, slope: float = 0.0) -> list[nn.Module]:
    """A layer with `outputs` channels, normalised and rectified: negative values keep `slope` of themselves."""
    rectifier = nn.LeakyReLU(slope, inplace=True) if slope else nn.ReLU(inplace=True)
    return [layer, normalization2d(normalization, outputs), rectifier]


class Generator(nn.Module):
    """latent (B, latent_dim) -> images (B, channels, image_size, image_size) in [-1, 1].

    With `num_classes`, of the classes `label` (B,), whose vectors stand beside the latents, or which with `class_norms`
    choose the scales and shifts of batch norms (Miyato and Koyama 2018); without, labels are ignored.
    """

    def __init__(
        self,
        latent_dim: int,
        image_size: int,
        channels: int,
        width: int = 64,
        kernel_size: Literal[4, 5] = 4,
        normalization: Normalization = "batch",
        class_norms: bool = False,
        num_classes: int | None = None,
    ) -> None:
        super().__init__()
        if class_norms and normalization != "batch":
            raise ValueError(f"model.generator.class_norms=true chooses batch norms, not normalization={normalization}")
        self.num_classes = num_classes
        base, depth = base_and_depth(image_size)
        widths = doubled(width, depth)[::-1]

        def doubling(inputs: int, outputs: int, bias: bool) -> nn.Module:
            padding = (kernel_size - 1) // 2
            return nn.ConvTranspose2d(
                inputs, outputs, kernel_size, 2, padding, output_padding=kernel_size % 2, bias=bias
            )

        bias = normalization != "batch"
        self.labelled = LabelledLatent(latent_dim, None if class_norms else num_classes)
        layers = stage(FromPixel(self.labelled.size, widths[0], base, bias=bias), widths[0], normalization)
        for inputs, outputs in pairwise(widths):
            layers += stage(doubling(inputs, outputs, bias), outputs, normalization)
        if class_norms:
            norms = (ClassBatchNorm2d(width, num_classes) for width in widths)
            layers = [next(norms) if isinstance(layer, nn.BatchNorm2d) else layer for layer in layers]
        self.layers = nn.Sequential(*layers, doubling(widths[-1], channels, bias=True), nn.Tanh())
        radford_(self)

    def forward(self, z: Tensor, label: Tensor | None = None) -> Tensor:
        x = self.labelled(z, label)[:, :, None, None]
        for layer in self.layers:
            x = layer(x, label) if isinstance(layer, ClassBatchNorm2d) else layer(x)
        return x


class Discriminator(nn.Module):
    """images (B, channels, image_size, image_size) -> a verdict, with `label_planes` or by its head given `label` (B,).

    Its first stage is never normalised (section 3).
    """

    def __init__(
        self,
        image_size: int,
        channels: int,
        width: int = 64,
        kernel_size: Literal[4, 5] = 4,
        normalization: Normalization = "batch",
        label_planes: int | None = None,
        head: HeadFactory | None = None,
    ) -> None:
        super().__init__()
        base, depth = base_and_depth(image_size)
        self.planes = LabelPlanes(label_planes)
        widths = [channels + self.planes.channels, *doubled(width, depth)]
        padding = (kernel_size - 1) // 2
        layers: list[nn.Module] = []
        for inputs, outputs in pairwise(widths):
            kind = normalization if layers else "none"
            convolution = nn.Conv2d(inputs, outputs, kernel_size, 2, padding, bias=kind != "batch")
            layers += stage(convolution, outputs, kind, slope=0.2)
        self.layers = nn.Sequential(*layers)
        self.last = ToPixel(widths[-1], 1, base)
        self.head = (head or Head)(widths[-1] * base**2)
        radford_(self)

    def forward(self, image: Tensor, label: Tensor | None = None) -> Verdict:
        features = self.layers(self.planes(image, label))
        return self.head(self.last(features).flatten(), features, label)
