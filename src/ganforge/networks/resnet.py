"""The residual generator of style transfer (Johnson et al. 2016) and of CycleGAN (Zhu et al. 2017, appendix 7.2).

Two stages down, residual blocks at a quarter of the resolution, two stages up. The papers have 6 blocks at 128 pixels,
9 at 256.
"""

from typing import Literal

from torch import Tensor, nn

from ganforge.layers.initialization import radford_
from ganforge.layers.normalization import Normalization, normalization2d
from ganforge.networks.dcgan import doubled, stage

Padding = Literal["reflect", "zeros"]


def same_size(inputs: int, outputs: int, kernel_size: int, bias: bool, padding: Padding = "reflect") -> nn.Module:
    """A convolution that keeps the size: beyond the border it sees the image mirrored, or zeros."""
    return nn.Conv2d(inputs, outputs, kernel_size, padding=kernel_size // 2, padding_mode=padding, bias=bias)


class Residual(nn.Module):
    """x + f(x) for x (B, width, H, W), with two convolutions in f and no rectifier after the sum."""

    def __init__(
        self, width: int, normalization: Normalization, bias: bool = True, padding: Padding = "reflect"
    ) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            *stage(same_size(width, width, 3, bias, padding), width, normalization),
            same_size(width, width, 3, bias, padding),
            normalization2d(normalization, width),
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + self.layers(x)


class Generator(nn.Module):
    """source (B, source_channels, H, W) in [-1, 1] -> image (B, channels, H, W) in [-1, 1]. Labels are ignored.

    H and W are multiples of `multiple`, and at least 8, so that the blocks have something to mirror.
    """

    multiple = 4

    def __init__(
        self,
        source_channels: int,
        channels: int,
        width: int = 64,
        blocks: int = 9,
        normalization: Normalization = "unscaled_instance",
    ) -> None:
        super().__init__()
        if blocks < 0:
            raise ValueError(f"blocks={blocks} should be 0 or more")
        self.source_channels = source_channels
        fine, middle, coarse = doubled(width, 3)
        bias = normalization != "batch"

        def halving(inputs: int, outputs: int) -> list[nn.Module]:
            return stage(nn.Conv2d(inputs, outputs, 3, 2, 1, bias=bias), outputs, normalization)

        def doubling(inputs: int, outputs: int) -> list[nn.Module]:
            layer = nn.ConvTranspose2d(inputs, outputs, 3, 2, 1, output_padding=1, bias=bias)
            return stage(layer, outputs, normalization)

        self.layers = nn.Sequential(
            *stage(same_size(source_channels, fine, 7, bias), fine, normalization),
            *halving(fine, middle),
            *halving(middle, coarse),
            *(Residual(coarse, normalization, bias) for _ in range(blocks)),
            *doubling(coarse, middle),
            *doubling(middle, fine),
            same_size(fine, channels, 7, bias=True),
            nn.Tanh(),
        )
        radford_(self)

    def forward(self, source: Tensor, label: Tensor | None = None) -> Tensor:
        return self.layers(source)
