"""R3GAN (Huang et al. 2024, "The GAN is dead; long live the GAN! A Modern GAN Baseline", configuration E).

Stages are `width` channels wide up to 32 pixels, and half as wide with each doubling beyond, as the authors' for 64 and
256 pixels. Nothing normalises.
"""

import math
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.functional import leaky_relu

from ganforge.interfaces import Verdict
from ganforge.layers.conditioning import LabelledLatent, LabelPlanes
from ganforge.layers.heads import Head, HeadFactory, Projection
from ganforge.layers.initialization import he_
from ganforge.layers.resampling import Downsample, Upsample
from ganforge.networks.dcgan import base_and_depth

SLOPE = 0.2
EXPANSION = 2
"""How many times as wide as its stage a block is inside."""


def stage_widths(image_size: int, width: int, group_width: int) -> list[int]:
    """Channels from the coarsest stage to the finest; ValueError where their groups would not be full."""
    _, depth = base_and_depth(image_size)
    widths = [width // 2 ** max(0, doublings - 3) for doublings in range(depth + 1)]
    if group_width < 1 or any(stage < 1 or EXPANSION * stage % group_width for stage in widths):
        raise ValueError(
            f"width={width} makes stages of {widths} channels: {EXPANSION} times each should be a multiple of "
            f"group_width={group_width}"
        )
    return widths


class Block(nn.Module):
    """features (B, width, H, W) -> the same and what three convolutions make of them, which at first is nothing.

    The one of 3x3 pixels is in groups of `group_width` channels. The weights are the smaller, the more `blocks` the
    network has (Zhang et al. 2019, "Fixup Initialization").
    """

    def __init__(self, width: int, group_width: int, blocks: int) -> None:
        super().__init__()
        inner = EXPANSION * width
        self.expand = nn.Conv2d(width, inner, 1)
        self.spatial = nn.Conv2d(inner, inner, 3, padding=1, groups=inner // group_width)
        self.reduce = nn.Conv2d(inner, width, 1, bias=False)
        gain = math.sqrt(2 / (1 + SLOPE**2)) * blocks**-0.25
        he_(self.expand, gain)
        he_(self.spatial, gain)
        nn.init.zeros_(self.reduce.weight)

    def forward(self, x: Tensor) -> Tensor:
        features = leaky_relu(self.expand(x), SLOPE, inplace=True)
        features = leaky_relu(self.spatial(features), SLOPE, inplace=True)
        return x + self.reduce(features)


def stages(widths: list[int], blocks: int, group_width: int) -> nn.ModuleList:
    """`blocks` for each width."""
    if blocks < 1:
        raise ValueError(f"blocks={blocks} should be at least 1 in each stage")
    total = blocks * len(widths)
    return nn.ModuleList(nn.Sequential(*(Block(width, group_width, total) for _ in range(blocks))) for width in widths)


def linear(inputs: int, outputs: int) -> nn.Linear:
    layer = nn.Linear(inputs, outputs, bias=False)
    he_(layer)
    return layer


def pointwise(inputs: int, outputs: int) -> nn.Conv2d:
    layer = nn.Conv2d(inputs, outputs, 1, bias=False)
    he_(layer)
    return layer


def changes(widths: list[int]) -> nn.ModuleList:
    """Between every two stages, what changes the width where it changes."""
    return nn.ModuleList(
        nn.Identity() if inputs == outputs else pointwise(inputs, outputs) for inputs, outputs in pairwise(widths)
    )


class Generator(nn.Module):
    """latent (B, latent_dim) -> images (B, channels, image_size, image_size), with no bound.

    At the base size it has one learned image for each channel, weighted by a linear map of the latent. With
    `num_classes` a learned vector of the class `label` (B,) stands beside the latent; without, labels are ignored.
    """

    def __init__(
        self,
        latent_dim: int,
        image_size: int,
        channels: int,
        width: int = 768,
        blocks: int = 2,
        group_width: int = 16,
        num_classes: int | None = None,
    ) -> None:
        super().__init__()
        self.num_classes = num_classes
        widths = stage_widths(image_size, width, group_width)
        base, _ = base_and_depth(image_size)
        self.latent = LabelledLatent(latent_dim, num_classes)
        if num_classes is not None and self.latent.embedding is not None:
            nn.init.normal_(self.latent.embedding.weight, 0.0, num_classes**-0.5)
        self.first = linear(self.latent.size, width)
        self.basis = nn.Parameter(torch.randn(width, base, base))
        self.stages = stages(widths, blocks, group_width)
        self.changes = changes(widths)
        self.up = Upsample()
        self.last = pointwise(widths[-1], channels)

    def forward(self, z: Tensor, label: Tensor | None = None) -> Tensor:
        weights = self.first(self.latent(z, label))
        features = self.stages[0](weights[:, :, None, None] * self.basis)
        for change, stage in zip(self.changes, self.stages[1:], strict=True):
            features = stage(self.up(change(features)))
        return self.last(features)


class Discriminator(nn.Module):
    """images (B, channels, image_size, image_size) -> a verdict, with `label_planes` or by its head given `label` (B,).

    The generator's stages in reverse. At the base size each channel is compared with one learned image: these are the
    features. A projection is onto a linear map of them, and is all of the logit, as in the authors' code.
    """

    def __init__(
        self,
        image_size: int,
        channels: int,
        width: int = 768,
        blocks: int = 2,
        group_width: int = 16,
        label_planes: int | None = None,
        head: HeadFactory | None = None,
    ) -> None:
        super().__init__()
        self.planes = LabelPlanes(label_planes)
        widths = stage_widths(image_size, width, group_width)[::-1]
        base, _ = base_and_depth(image_size)
        self.first = pointwise(channels + self.planes.channels, widths[0])
        self.stages = stages(widths, blocks, group_width)
        self.changes = changes(widths)
        self.down = Downsample()
        self.basis = nn.Parameter(torch.randn(width, base, base) / base)
        self.head = (head or Head)(width)
        self.projects = isinstance(self.head, Projection)
        self.last = linear(width, width if self.projects else 1)
        if isinstance(self.head, Projection):
            nn.init.normal_(self.head.embedding.weight, 0.0, (self.head.num_classes * width) ** -0.5)

    def forward(self, image: Tensor, label: Tensor | None = None) -> Verdict:
        features = self.stages[0](self.first(self.planes(image, label)))
        for change, stage in zip(self.changes, self.stages[1:], strict=True):
            features = stage(change(self.down(features)))
        features = (features * self.basis).sum((2, 3))
        said = self.last(features)
        if self.projects:
            return self.head(said.new_zeros(len(said)), said, label)
        return self.head(said.flatten(), features, label)
