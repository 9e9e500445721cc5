"""The networks of Zhang et al. 2019, "Self-Attention Generative Adversarial Networks", at any size.

They are those of `sngan.py` with self-attention after one block, and with spectral norm in the generator as well
(section 4.1). The paper's have 128 pixels.
"""

from ganforge.layers.heads import HeadFactory
from ganforge.layers.residual import Upsampling
from ganforge.networks import sngan


class Generator(sngan.Generator):
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
        super().__init__(latent_dim, image_size, channels, width, num_classes, upsampling, True, attention)


class Discriminator(sngan.Discriminator):
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
        super().__init__(image_size, channels, width, True, label_planes, head, attention)
