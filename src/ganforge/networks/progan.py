"""ProGAN (Karras et al. 2018, "Progressive Growing of GANs for Improved Quality, Stability, and Variation", table 2).

Every level doubles or halves the resolution, from a base of 4 pixels (5 to 7 for sizes that are no power of two).
Images always have their full size: where not all levels are in use, a generator repeats pixels, and a discriminator
averages them. A level's width is `fmap_base`, halved for the base and for every level, and no more than `fmap_max`.
"""

import math
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, interpolate, leaky_relu

from ganforge.interfaces import Verdict
from ganforge.layers.conditioning import LabelPlanes
from ganforge.layers.equalized import EqualizedConv2d, EqualizedLinear
from ganforge.layers.growing import Growing
from ganforge.layers.heads import Head, HeadFactory
from ganforge.layers.minibatch_deviation import MinibatchDeviation
from ganforge.layers.normalization import pixel_norm
from ganforge.layers.residual import doubled_before, halved_after
from ganforge.networks.dcgan import base_and_depth

HE = math.sqrt(2)
"""The gain before a rectifier (He et al. 2015)."""


def widths(levels: int, fmap_base: int, fmap_max: int) -> list[int]:
    """Channels of the base and of every level; ValueError where there are none."""
    channels = [min(fmap_base >> (level + 1), fmap_max) for level in range(levels + 1)]
    if channels[-1] < 1:
        raise ValueError(f"fmap_base={fmap_base} and fmap_max={fmap_max} leave no channel for {levels} levels")
    return channels


def convolution(inputs: int, outputs: int) -> EqualizedConv2d:
    return EqualizedConv2d(inputs, outputs, 3, padding=1, gain=HE)


def rectified(features: Tensor) -> Tensor:
    return leaky_relu(features, 0.2, inplace=True)


def normal(features: Tensor) -> Tensor:
    return pixel_norm(rectified(features))


def repeated(images: Tensor, times: int) -> Tensor:
    """(B, C, H, W) -> (B, C, times * H, times * W)."""
    return images if times == 1 else interpolate(images, scale_factor=times, mode="nearest")


class UpLevel(nn.Module):
    """features (B, inputs, H, W) -> (B, outputs, 2H, 2W)."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.first = convolution(inputs, outputs)
        self.second = convolution(outputs, outputs)

    def forward(self, features: Tensor) -> Tensor:
        return normal(self.second(normal(doubled_before(self.first, features))))


class DownLevel(nn.Module):
    """features (B, inputs, H, W) -> (B, outputs, H/2, W/2)."""

    def __init__(self, inputs: int, outputs: int, fused: bool) -> None:
        super().__init__()
        self.fused = fused
        self.first = convolution(inputs, inputs)
        self.second = convolution(inputs, outputs)

    def forward(self, features: Tensor) -> Tensor:
        features = rectified(self.first(features))
        if self.fused:
            return rectified(halved_after(self.second, features))
        return avg_pool2d(rectified(self.second(features)), 2)


class Generator(Growing):
    """latent (B, latent_dim) -> images (B, channels, image_size, image_size), not bounded.

    With `num_classes`, of the classes `label` (B,), which are one-hot beside the latent; without, labels are ignored.
    """

    def __init__(
        self,
        latent_dim: int,
        image_size: int,
        channels: int,
        fmap_base: int = 8192,
        fmap_max: int = 512,
        num_classes: int | None = None,
    ) -> None:
        base, levels = base_and_depth(image_size)
        super().__init__(levels)
        self.num_classes = num_classes
        coarsest, *finer = features = widths(levels, fmap_base, fmap_max)
        self.shape = (coarsest, base, base)
        self.planes = LabelPlanes(num_classes)
        inputs = latent_dim + self.planes.channels
        self.first = EqualizedLinear(inputs, math.prod(self.shape), gain=HE / 4, bias=False)
        self.first_bias = nn.Parameter(torch.zeros(coarsest, 1, 1))
        self.second = convolution(coarsest, coarsest)
        self.ups = nn.ModuleList(UpLevel(*sides) for sides in pairwise([coarsest, *finer]))
        self.to_images = nn.ModuleList(EqualizedConv2d(width, channels, 1) for width in features)

    def forward(self, z: Tensor, label: Tensor | None = None) -> Tensor:
        start = pixel_norm(self.planes(z[:, :, None, None], label).flatten(1))
        features = normal(self.first(start).unflatten(1, self.shape) + self.first_bias)
        features = normal(self.second(features))
        for number in range(self.whole):
            features = self.ups[number](features)
        images = self.to_images[self.whole](features)
        if self.top > self.whole:
            finer = self.to_images[self.top](self.ups[self.whole](features))
            images = torch.lerp(repeated(images, 2), finer, self.share(finer))
        return repeated(images, 2 ** (self.levels - self.top))


class Discriminator(Growing):
    """images (B, channels, image_size, image_size) -> a verdict, with `label_planes` or by its head given `label` (B,).

    An image's logit depends on the others of its group, by `MinibatchDeviation`. `fused` means that 2x2 pixels are
    averaged before they are rectified, by the convolution itself, as in the authors' code; else after, as in table 2.
    """

    def __init__(
        self,
        image_size: int,
        channels: int,
        fmap_base: int = 8192,
        fmap_max: int = 512,
        fused: bool = True,
        label_planes: int | None = None,
        head: HeadFactory | None = None,
    ) -> None:
        base, levels = base_and_depth(image_size)
        super().__init__(levels)
        self.planes = LabelPlanes(label_planes)
        channels += self.planes.channels
        coarsest, *_ = features = widths(levels, fmap_base, fmap_max)
        hidden = min(fmap_base, fmap_max)
        self.from_images = nn.ModuleList(EqualizedConv2d(channels, width, 1, gain=HE) for width in features)
        self.downs = nn.ModuleList(DownLevel(finer, coarser, fused) for coarser, finer in pairwise(features))
        self.deviation = MinibatchDeviation()
        self.last = convolution(coarsest + self.deviation.maps, coarsest)
        self.hidden = EqualizedLinear(coarsest * base**2, hidden, gain=HE)
        self.logit = EqualizedLinear(hidden, 1)
        self.head = (head or Head)(hidden)

    def forward(self, image: Tensor, label: Tensor | None = None) -> Verdict:
        image = self.planes(avg_pool2d(image, 2 ** (self.levels - self.top)), label)
        features = rectified(self.from_images[self.top](image))
        if self.top > self.whole:
            coarser = rectified(self.from_images[self.whole](avg_pool2d(image, 2)))
            features = torch.lerp(coarser, self.downs[self.whole](features), self.share(coarser))
        for number in reversed(range(self.whole)):
            features = self.downs[number](features)
        features = rectified(self.last(self.deviation(features)))
        features = rectified(self.hidden(features.flatten(1)))
        return self.head(self.logit(features).flatten(), features, label)
