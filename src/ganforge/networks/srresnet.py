"""SRResNet, the generator of SRGAN (Ledig et al. 2017, "Photo-Realistic Single Image Super-Resolution Using a
Generative Adversarial Network", arXiv:1609.04802, figure 4).

Residual blocks at the resolution of the source, then pixels from channels (Shi et al. 2016), twice for a scale of 4.
"""

from torch import Tensor, nn

from ganforge.layers.enlarging import Enlarging, doublings


class Residual(nn.Module):
    """x + f(x) for x (B, width, H, W), with two convolutions in f and no rectifier after the sum."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(width, width, 3, padding=1),
            nn.BatchNorm2d(width),
            nn.PReLU(),
            nn.Conv2d(width, width, 3, padding=1),
            nn.BatchNorm2d(width),
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + self.layers(x)


class Generator(Enlarging):
    """A `width` of 64 and 16 `blocks` in the paper."""

    def __init__(self, source_channels: int, channels: int, scale: int, width: int = 64, blocks: int = 16) -> None:
        super().__init__(source_channels, scale)
        if width < 1 or blocks < 0:
            raise ValueError(f"width={width} and blocks={blocks} should be at least 1 and 0")
        self.first = nn.Sequential(nn.Conv2d(source_channels, width, 9, padding=4), nn.PReLU())
        self.body = nn.Sequential(
            *(Residual(width) for _ in range(blocks)),
            nn.Conv2d(width, width, 3, padding=1),
            nn.BatchNorm2d(width),
        )
        self.up = nn.Sequential()
        for _ in range(doublings(scale)):
            self.up.extend([nn.Conv2d(width, 4 * width, 3, padding=1), nn.PixelShuffle(2), nn.PReLU()])
        self.last = nn.Conv2d(width, channels, 9, padding=4)
