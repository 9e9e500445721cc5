"""The U-Net of pix2pix (Isola et al. 2017, "Image-to-Image Translation with Conditional Adversarial Networks").

Every stage halves the resolution, down to one pixel where the size is a power of two, and every stage back up also sees
what the stage down at its resolution saw.
"""

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from ganforge.layers.initialization import radford_
from ganforge.layers.normalization import Normalization
from ganforge.networks.dcgan import doubled, stage


def times_halved(image_size: int, halvings: int | None) -> int:
    """`halvings`, or as many as leave whole pixels; ValueError where that is fewer than 2, or more than there are."""
    possible = (image_size & -image_size).bit_length() - 1
    chosen = possible if halvings is None else halvings
    if not 2 <= chosen <= possible:
        raise ValueError(
            f"unet cannot halve {image_size}x{image_size} images {chosen} times: choose at least 2 halvings, "
            "and a size that is a multiple of 2**halvings (28, 32, 48, 64, ...)"
        )
    return chosen


def widths_down(width: int, halvings: int) -> list[int]:
    """Channels after each halving: they double, to 8 times the first."""
    return [min(channels, 8 * width) for channels in doubled(width, halvings)]


class Noise(nn.Dropout):
    """Dropout that eval() does not switch off."""

    def forward(self, input: Tensor) -> Tensor:
        return functional.dropout(input, self.p, training=True)


class Generator(nn.Module):
    """source (B, source_channels, H, W) in [-1, 1] -> image (B, channels, H, W) in [-1, 1]. Labels are ignored.

    H and W are multiples of `multiple`. Dropout is in `dropout_stages` stages after the innermost one on the way up, or
    in all between the innermost and the outermost if those are fewer: 3 in the authors' PyTorch code for 256 pixels
    (the paper's first code has it in the innermost one and two more). With `dropout_at_test` it stays on in eval(): the
    paper's only noise. ValueError for sizes, widths and rates that make no network.
    """

    def __init__(
        self,
        source_channels: int,
        channels: int,
        image_size: int,
        width: int = 64,
        dropout: float = 0.5,
        dropout_stages: int = 3,
        dropout_at_test: bool = False,
        normalization: Normalization = "batch",
        halvings: int | None = None,
    ) -> None:
        super().__init__()
        depth = times_halved(image_size, halvings)
        dropped = range(1, min(1 + dropout_stages, depth - 1))
        if not 0 <= dropout < 1 or dropout_stages < 0:
            raise ValueError(
                f"dropout={dropout}, dropout_stages={dropout_stages}: from 0 to below 1, in 0 stages or more"
            )
        if dropout_at_test and not (dropped and dropout):
            raise ValueError(
                f"dropout_at_test needs dropout: dropout={dropout} in {len(dropped)} stages "
                f"(dropout_stages={dropout_stages}, and {depth - 2} between the innermost and the outermost)"
            )
        self.source_channels = source_channels
        self.dropout_at_test = dropout_at_test
        self.multiple = 2**depth
        widths = widths_down(width, depth)
        bias = normalization != "batch"

        def halving(inputs: int, outputs: int) -> nn.Module:
            return nn.Conv2d(inputs, outputs, 4, 2, 1, bias=bias)

        def doubling(inputs: int, outputs: int, bias: bool = bias) -> nn.Module:
            return nn.ConvTranspose2d(inputs, outputs, 4, 2, 1, bias=bias)

        self.down = nn.ModuleList([nn.Sequential(*stage(halving(source_channels, widths[0]), widths[0], "none", 0.2))])
        for inputs, outputs in pairwise(widths[:-1]):
            self.down.append(nn.Sequential(*stage(halving(inputs, outputs), outputs, normalization, 0.2)))
        self.bottom = nn.Sequential(*stage(halving(widths[-2], widths[-1]), widths[-1], "none"))

        self.up = nn.ModuleList()
        inputs = widths[-1]
        for number, outputs in enumerate(widths[-2::-1]):
            layers = stage(doubling(inputs, outputs), outputs, normalization)
            if number in dropped:
                layers.append(Noise(dropout) if dropout_at_test else nn.Dropout(dropout))
            self.up.append(nn.Sequential(*layers))
            inputs = 2 * outputs
        self.top = nn.Sequential(doubling(inputs, channels, bias=True), nn.Tanh())
        radford_(self)

    def forward(self, source: Tensor, label: Tensor | None = None) -> Tensor:
        features, skips = source, []
        for down in self.down:
            features = down(features)
            skips.append(features)
        features = self.bottom(features)
        for up, skip in zip(self.up, reversed(skips), strict=True):
            # Dropout and rectifying commute, and the paper's ReLU of a skip is the ReLU of its leaky one.
            features = torch.cat([functional.relu(skip), up(features)], 1)
        return self.top(features)
