"""BigGAN (Brock, Donahue and Simonyan 2019, "Large Scale GAN Training for High Fidelity Natural Image Synthesis").

Residual networks for 128 to 512 pixels are in appendix B; those for 64 and 32 are of an author's later code
(github.com/ajbrock/BigGAN-PyTorch). Below 32 pixels there are fewer blocks of the same width.
"""

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.functional import relu

from ganforge.interfaces import Verdict
from ganforge.layers.attention import with_attention
from ganforge.layers.conditioning import ClassEmbedding, LabelPlanes
from ganforge.layers.heads import Head, HeadFactory
from ganforge.layers.initialization import Initialization, brock_
from ganforge.layers.normalization import ClassBatchNorm2d, ModulatedBatchNorm2d
from ganforge.layers.residual import DownBlock, UpBlock, Upsampling
from ganforge.layers.spectral import SNConv2d, SNLinear
from ganforge.networks.dcgan import base_and_depth, doubled

UP = {4: (16, 16, 8, 4, 2), 5: (16, 16, 8, 4, 2, 1), 6: (16, 16, 8, 8, 4, 2, 1), 7: (16, 16, 8, 8, 4, 2, 1, 1)}
"""For a number of doublings, the multiples of `width` that stages are wide, from the coarsest maps on; for fewer, 4."""
DOWN = {4: (1, 2, 4, 8, 16), 5: (1, 2, 4, 8, 16, 16), 6: (1, 2, 4, 8, 8, 16, 16), 7: (1, 1, 2, 4, 8, 8, 16, 16)}
"""The same for the discriminator's blocks, from the first on."""


class Generator(nn.Module):
    """latent (B, latent_dim) -> images (B, channels, image_size, image_size) in [-1, 1].

    With `num_classes`, of the classes `label` (B,), by the norms of its blocks; without, labels are ignored. A norm
    has a vector of its own for each class; or there is one for each class, of the size `shared`, of which norms have
    linear functions. `hierarchical` cuts the latent into equal parts, and leaves out what remains: one is for the
    first layer, the others for the blocks, whose norms take them beside the class, or alone where there is none.

    Attention sits in the largest maps of at most `attention` pixels a side; with None there is none. ValueError for
    `hierarchical` with classes that are not `shared`, and for fewer dimensions than parts.
    """

    def __init__(
        self,
        latent_dim: int,
        image_size: int,
        channels: int,
        width: int = 64,
        num_classes: int | None = None,
        shared: int | None = 128,
        hierarchical: bool = True,
        attention: int | None = None,
        initialization: Initialization = "orthogonal",
        upsampling: Upsampling = "nearest",
    ) -> None:
        super().__init__()
        self.num_classes, self.hierarchical = num_classes, hierarchical
        base, depth = base_and_depth(image_size)
        widths = stages(width, UP, depth, depth + 1)
        self.part = latent_dim // (depth + 1) if hierarchical else latent_dim
        if self.part == 0:
            raise ValueError(f"a hierarchical latent of {latent_dim} dimensions has no {depth + 1} parts")
        classes = num_classes is not None
        if classes and hierarchical and shared is None:
            raise ValueError("a hierarchical latent goes with class vectors that are shared: give their size")
        self.embedding = ClassEmbedding(num_classes, shared) if num_classes is not None and shared is not None else None
        size = (shared or 0) * classes + self.part * hierarchical

        def norm(channels: int) -> nn.Module:
            if self.embedding is not None or hierarchical:
                return ModulatedBatchNorm2d(channels, lambda outputs: SNLinear(size, outputs, bias=False))
            if num_classes is not None:
                return ModulatedBatchNorm2d(channels, lambda outputs: ClassEmbedding(num_classes, outputs))
            return ClassBatchNorm2d(channels, None)

        self.first = SNLinear(self.part, widths[0] * base**2)
        self.shape = (widths[0], base, base)
        blocks: list[nn.Module] = [UpBlock(*ends, norm, upsampling, spectral_norm=True) for ends in pairwise(widths)]
        sizes = [base * 2**number for number in range(1, depth + 1)]
        self.blocks = nn.ModuleList(with_attention(blocks, sizes, widths[1:], attention))
        self.norm = nn.BatchNorm2d(widths[-1])
        self.last = SNConv2d(widths[-1], channels, 3, padding=1)
        brock_(self, initialization)

    def forward(self, z: Tensor, label: Tensor | None = None) -> Tensor:
        first, *parts = z.split(self.part, 1)
        features = self.first(first).unflatten(1, self.shape)
        condition = label if self.embedding is None else self.embedding(label)
        for number, block in enumerate(self.blocks):
            features = block(features, self.beside(condition, parts[number]) if self.hierarchical else condition)
        return self.last(relu(self.norm(features), inplace=True)).tanh()

    def beside(self, condition: Tensor | None, part: Tensor) -> Tensor:
        return part if self.embedding is None or condition is None else torch.cat([condition, part], 1)


class Discriminator(nn.Module):
    """images (B, channels, image_size, image_size) -> a verdict, with `label_planes` or by its head given `label` (B,).

    Features are summed over all pixels. Attention sits as in the generator, after the first block of its size.
    """

    def __init__(
        self,
        image_size: int,
        channels: int,
        width: int = 64,
        attention: int | None = None,
        initialization: Initialization = "orthogonal",
        label_planes: int | None = None,
        head: HeadFactory | None = None,
    ) -> None:
        super().__init__()
        self.planes = LabelPlanes(label_planes)
        channels += self.planes.channels
        _, depth = base_and_depth(image_size)
        halvings, count = (depth, depth + 1) if depth in DOWN else (max(1, depth - 1), max(1, depth - 1) + 2)
        widths = stages(width, DOWN, depth, count)
        blocks: list[nn.Module] = [
            DownBlock(inputs, outputs, number < halvings, not number)
            for number, (inputs, outputs) in enumerate(pairwise([channels, *widths]))
        ]
        sizes = [image_size // 2 ** min(number, halvings) for number in range(1, count + 1)]
        self.blocks = nn.Sequential(*with_attention(blocks, sizes, widths, attention))
        self.last = SNLinear(widths[-1], 1)
        self.head = (head or Head)(widths[-1], spectral_norm=True)
        brock_(self, initialization)

    def forward(self, image: Tensor, label: Tensor | None = None) -> Verdict:
        features = relu(self.blocks(self.planes(image, label)), inplace=True).sum((2, 3))
        return self.head(self.last(features).flatten(), features, label)


def stages(width: int, published: dict[int, tuple[int, ...]], depth: int, count: int) -> list[int]:
    """The widths of `count` stages of a network that changes the resolution `depth` times; ValueError beyond 7."""
    doubled(width, 1)
    if depth > max(published):
        raise ValueError(f"BigGAN has no published widths for {depth} changes of resolution, only for {max(published)}")
    return [width * multiple for multiple in published.get(depth, (4,) * count)]
