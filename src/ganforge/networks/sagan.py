"""The networks of Zhang et al. 2019, "Self-Attention Generative Adversarial Networks", at any size.

They are those of `sngan.py` with self-attention after one block, and with spectral norm in the generator as well
(section 4.1). The paper's have 128 pixels.
"""

from functools import partial

from torch import Tensor, nn
from torch.nn.functional import relu

from ganforge.interfaces import Verdict
from ganforge.layers.attention import with_attention
from ganforge.layers.conditioning import LabelPlanes
from ganforge.layers.heads import Head, HeadFactory, Projection
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
    """images (B, channels, image_size, image_size) -> a verdict, with `label_planes` or by its head given `label` (B,).

    Features are summed over all pixels. Attention sits as in the generator, after the first block of its size.
    """

    def __init__(
        self,
        image_size: int,
        channels: int,
        width: int = 128,
        attention: int | None = 16,
        label_planes: int | None = None,
        head: HeadFactory | None = None,
    ) -> None:
        super().__init__()
        self.planes = LabelPlanes(label_planes)
        channels += self.planes.channels
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
        self.head = (head or Head)(width, spectral_norm=True)
        if isinstance(self.head, Projection):
            nn.init.xavier_uniform_(self.head.embedding.weight)

    def forward(self, image: Tensor, label: Tensor | None = None) -> Verdict:
        features = relu(self.blocks(self.planes(image, label)), inplace=True).sum((2, 3))
        return self.head(self.last(features).flatten(), features, label)
