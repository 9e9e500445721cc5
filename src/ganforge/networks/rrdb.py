"""The generator of ESRGAN (Wang et al. 2018, "ESRGAN: Enhanced Super-Resolution Generative Adversarial Networks",
arXiv:1809.00219, section 3.1): residual-in-residual dense blocks, without batch norm.
"""

import torch
from torch import Tensor, nn

from ganforge.layers.enlarging import Enlarging, doublings
from ganforge.layers.initialization import he_

SHARE = 0.2
"""Of a block's residual that is added, in dense blocks and in those of three of them."""
SMALLER = 0.1
"""Times He's deviation that the weights of the dense blocks begin with."""


def convolution(inputs: int, outputs: int) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, 3, padding=1)


class DenseBlock(nn.Module):
    """Five convolutions of x (B, width, H, W); each sees x and what all before it have made."""

    def __init__(self, width: int, growth: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            convolution(width + number * growth, growth if number < 4 else width) for number in range(5)
        )
        for layer in self.layers:
            he_(layer, SMALLER * 2**0.5)  # type: ignore[arg-type]
        self.rectifier = nn.LeakyReLU(0.2, inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        *growing, last = self.layers
        seen = x
        for layer in growing:
            seen = torch.cat([seen, self.rectifier(layer(seen))], 1)
        return x + SHARE * last(seen)


class ResidualInResidual(nn.Module):
    """Three dense blocks with a connection around them."""

    def __init__(self, width: int, growth: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(*(DenseBlock(width, growth) for _ in range(3)))

    def forward(self, x: Tensor) -> Tensor:
        return x + SHARE * self.layers(x)


class Generator(Enlarging):
    """A `width` of 64, 23 `blocks` and a `growth` of 32 in the paper.

    The scale is reached by doubling, so that 2 is half of the way to 4; BasicSR's network for 2 starts from squares of
    four pixels as channels instead.
    """

    def __init__(
        self, source_channels: int, channels: int, scale: int, width: int = 64, blocks: int = 23, growth: int = 32
    ) -> None:
        super().__init__(source_channels, scale)
        if min(width, growth) < 1 or blocks < 0:
            raise ValueError(f"width={width}, blocks={blocks} and growth={growth} should be at least 1, 0 and 1")
        self.first = convolution(source_channels, width)
        self.body = nn.Sequential(
            *(ResidualInResidual(width, growth) for _ in range(blocks)), convolution(width, width)
        )
        self.up = nn.Sequential()
        for _ in range(doublings(scale)):
            self.up.extend(
                [
                    nn.Upsample(scale_factor=2, mode="nearest"),
                    convolution(width, width),
                    nn.LeakyReLU(0.2, inplace=True),
                ]
            )
        self.last = nn.Sequential(
            convolution(width, width), nn.LeakyReLU(0.2, inplace=True), convolution(width, channels)
        )
