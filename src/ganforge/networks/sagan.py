"""The networks of Zhang et al. 2019, "Self-Attention Generative Adversarial Networks", at any size.

They are those of `sngan.py` with self-attention after one block, and with spectral norm in the generator as well
(section 4.1). The paper's have 128 pixels.
"""

from functools import partial

from torch import Tensor, nn
from torch.nn.functional import relu

from ganforge.layers.attention import with_attention
from ganforge.layers.conditioning import Projection
from ganforge.layers.initialization import glorot_
from ganforge.layers.normalization import ClassBatchNorm2d
from ganforge.layers.residual import DownBlock, UpBlock, Upsampling
from ganforge.layers.spectral import SNConv2d, SNLinear
from ganforge.networks.dcgan import base_and_depth, doubled


class Generator(nn.Module):
    """latent (B, latent_dim) -> images (B, channels, image_size, image_size) in [-1, 1].

    With `num_classes`, of the classes `label` (B,), by the norms of its blocks; without, labels are ignored. Attention
    sits in the largest maps of at most `attention` pixels a side; with None there is none.
    """

    def __init__(
        self,
        latent_dim: int,
        image_size: int,
        channels: int,
        width: int = 256,
        num_classes: int | None = None,
        attention: int | None = 16,
        upsampling: Upsampling = "nearest",
    ) -> None:
        super().__init__()
        self.num_classes = num_classes
        base, depth = base_and_depth(image_size)
        (width,) = doubled(width, 1)
        self.first = SNLinear(latent_dim, width * base**2)
        self.shape = (width, base, base)
        norm = partial(ClassBatchNorm2d, num_classes=num_classes)
        blocks: list[nn.Module] = [UpBlock(width, width, norm, upsampling, spectral_norm=True) for _ in range(depth)]
        sizes = [base * 2**number for number in range(1, depth + 1)]
        self.blocks = nn.ModuleList(with_attention(blocks, sizes, [width] * depth, attention))
        self.norm = nn.BatchNorm2d(width)
        self.last = SNConv2d(width, channels, 3, padding=1)
        glorot_(self.first)
        glorot_(self.last)

    def forward(self, z: Tensor, label: Tensor | None = None) -> Tensor:
        features = self.first(z).unflatten(1, self.shape)
        for block in self.blocks:
            features = block(features, label)
        return self.last(relu(self.norm(features), inplace=True)).tanh()


class Discriminator(nn.Module):
    """images (B, channels, image_size, image_size) -> logits (B,), with `num_classes` given the classes `label` (B,).

    Features are summed over all pixels. Attention sits as in the generator, after the first block of its size.
    """

    def __init__(
        self,
        image_size: int,
        channels: int,
        width: int = 128,
        num_classes: int | None = None,
        attention: int | None = 16,
    ) -> None:
        super().__init__()
        self.num_classes = num_classes
        _, depth = base_and_depth(image_size)
        (width,) = doubled(width, 1)
        halvings = max(1, depth - 1)
        count = halvings + 2
        blocks: list[nn.Module] = [
            DownBlock(width if number else channels, width, number < halvings, not number) for number in range(count)
        ]
        sizes = [image_size // 2 ** min(number, halvings) for number in range(1, count + 1)]
        self.blocks = nn.Sequential(*with_attention(blocks, sizes, [width] * count, attention))
        self.last = SNLinear(width, 1)
        glorot_(self.last)
        self.projection = None if num_classes is None else Projection(num_classes, width, spectral_norm=True)
        if self.projection is not None:
            nn.init.xavier_uniform_(self.projection.embedding.weight)

    def forward(self, image: Tensor, label: Tensor | None = None) -> Tensor:
        features = relu(self.blocks(image), inplace=True).sum((2, 3))
        logits = self.last(features).flatten()
        return logits if self.projection is None else logits + self.projection(features, label)
