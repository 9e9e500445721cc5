"""The residual networks of SNGAN (Miyato et al. 2018, "Spectral Normalization for Generative Adversarial Networks",
table 4), with labels those of Miyato and Koyama 2018, "cGANs with Projection Discriminator".

The papers' have 32 pixels. Here every stage is `width` channels wide at any size: the generator doubles 4 to 7 pixels,
the discriminator halves until twice as many are left, at least once, and has two more blocks.
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

    With `num_classes`, of the classes `label` (B,), by the norms of its blocks; without, labels are ignored. The
    authors upsample by the nearest pixel. Batch norm is PyTorch's: at the authors' rate, with eps 1e-5 for their 2e-5.

    SAGAN's has `spectral_norm`, and attention in the largest maps of at most `attention` pixels a side (`sagan.py`).
    """

    def __init__(
        self,
        latent_dim: int,
        image_size: int,
        channels: int,
        width: int = 256,
        num_classes: int | None = None,
        upsampling: Upsampling = "nearest",
        spectral_norm: bool = False,
        attention: int | None = None,
    ) -> None:
        super().__init__()
        self.num_classes = num_classes
        base, depth = base_and_depth(image_size)
        (width,) = doubled(width, 1)
        self.first = (SNLinear if spectral_norm else nn.Linear)(latent_dim, width * base**2)
        self.shape = (width, base, base)
        norm = partial(ClassBatchNorm2d, num_classes=num_classes)
        blocks: list[nn.Module] = [UpBlock(width, width, norm, upsampling, spectral_norm) for _ in range(depth)]
        sizes = [base * 2**number for number in range(1, depth + 1)]
        self.blocks = nn.ModuleList(with_attention(blocks, sizes, [width] * depth, attention))
        self.norm = nn.BatchNorm2d(width)
        self.last = (SNConv2d if spectral_norm else nn.Conv2d)(width, channels, 3, padding=1)
        glorot_(self.first)
        glorot_(self.last)

    def forward(self, z: Tensor, label: Tensor | None = None) -> Tensor:
        features = self.first(z).unflatten(1, self.shape)
        for block in self.blocks:
            features = block(features, label)
        return self.last(relu(self.norm(features), inplace=True)).tanh()


class Discriminator(nn.Module):
    """images (B, channels, image_size, image_size) -> a verdict, with `label_planes` or by its head given `label` (B,).

    Features are summed over all pixels. Nothing but the spectral norm normalises, so images are independent of one
    another; without it this is the critic of WGAN-GP (Gulrajani et al. 2017, appendix F). SAGAN's has attention as its
    generator does.
    """

    def __init__(
        self,
        image_size: int,
        channels: int,
        width: int = 128,
        spectral_norm: bool = True,
        label_planes: int | None = None,
        head: HeadFactory | None = None,
        attention: int | None = None,
    ) -> None:
        super().__init__()
        self.planes = LabelPlanes(label_planes)
        channels += self.planes.channels
        _, depth = base_and_depth(image_size)
        (width,) = doubled(width, 1)
        halvings = max(1, depth - 1)
        count = halvings + 2
        blocks: list[nn.Module] = [
            DownBlock(width if number else channels, width, number < halvings, not number, spectral_norm)
            for number in range(count)
        ]
        sizes = [image_size // 2 ** min(number, halvings) for number in range(1, count + 1)]
        self.blocks = nn.Sequential(*with_attention(blocks, sizes, [width] * count, attention))
        self.last = SNLinear(width, 1) if spectral_norm else nn.Linear(width, 1)
        glorot_(self.last)
        self.head = (head or Head)(width, spectral_norm)
        if isinstance(self.head, Projection):
            nn.init.xavier_uniform_(self.head.embedding.weight)

    def forward(self, image: Tensor, label: Tensor | None = None) -> Verdict:
        features = relu(self.blocks(self.planes(image, label)), inplace=True).sum((2, 3))
        return self.head(self.last(features).flatten(), features, label)
