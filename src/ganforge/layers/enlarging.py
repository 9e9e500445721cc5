"""What networks that enlarge images have in common: two stages, of which each sees a neighbourhood only."""

import math
from fractions import Fraction

from torch import Tensor, nn


def doublings(scale: int) -> int:
    """How many times the resolution is doubled; ValueError where `scale` is no power of two."""
    if scale not in (2, 4, 8):
        raise ValueError(f"scale={scale} should be 2, 4 or 8, which is how many times larger images are than sources")
    return scale.bit_length() - 1


class Enlarging(nn.Module):
    """source (B, source_channels, H, W) in [-1, 1] -> image (B, channels, scale H, scale W). Labels are ignored.

    A subclass has the layers: `first` and `body` at the resolution of the source, with a connection around the latter,
    then `up` and `last`. Nothing bounds the pixels of the image, which should be in [-1, 1].
    """

    multiple = 1
    first: nn.Module
    body: nn.Module
    up: nn.Module
    last: nn.Module

    def __init__(self, source_channels: int, scale: int) -> None:
        super().__init__()
        self.source_channels, self.scale = source_channels, scale

    def forward(self, source: Tensor, label: Tensor | None = None) -> Tensor:
        return self.enlarged(self.features(source))

    def features(self, source: Tensor) -> Tensor:
        """(B, width, H, W)."""
        features = self.first(source)
        return features + self.body(features)

    def enlarged(self, features: Tensor) -> Tensor:
        return self.last(self.up(features))

    @property
    def reaches(self) -> tuple[int, int]:
        """How many pixels around its place one of `features` depends on at most, and of these one of the image."""
        return reach(self.first, self.body), reach(self.up, self.last)


def reach(*parts: nn.Module) -> int:
    """Pixels of what `parts` start from, around its place, that a pixel depends on at most, while norms stand still.

    Every convolution adds its padding, at the resolution that it works at. The layers are registered in the order in
    which they compute.
    """
    far, resolution = Fraction(0), 1
    for layer in nn.ModuleList(parts).modules():
        if isinstance(layer, nn.Conv2d):
            far += Fraction(layer.padding[0], resolution)  # type: ignore[arg-type]
        elif isinstance(layer, nn.PixelShuffle | nn.Upsample):
            resolution *= 2
    return math.ceil(far)
