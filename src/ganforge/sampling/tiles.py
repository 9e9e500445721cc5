"""Large images through layers that see a neighbourhood only, in parts that together are the whole."""

import math
from collections.abc import Callable
from itertools import pairwise, product
from typing import NamedTuple

from torch import Tensor

PIXELS_AT_ONCE = 2**21
"""That a stage makes in one piece, the margin of a tile included; its channels at a time take half a GiB or so."""
SMALLEST_TILE = 64


class Stage(NamedTuple):
    """(B, C, H, W) -> (B, C', scale H, scale W), where a pixel depends on `reach` pixels around its place at most."""

    layers: Callable[[Tensor], Tensor]
    reach: int
    scale: int


def in_tiles(stage: Stage, images: Tensor, tile: int | None = None) -> Tensor:
    """What `stage` makes of images (B, C, H, W), equal to `stage.layers(images)` but for rounding.

    It is shown squares of `tile` pixels with `stage.reach` pixels around them, as far as the images reach. Without
    `tile`, images of more than PIXELS_AT_ONCE are made in as large squares as it has room for.
    """
    height, width = images.shape[-2:]
    side = tile or room(stage)
    if max(height, width) <= side or (tile is None and height * width * stage.scale**2 <= PIXELS_AT_ONCE):
        return stage.layers(images)
    made: Tensor | None = None
    for (top, bottom), (left, right) in product(spans(height, side), spans(width, side)):
        above, before = max(0, top - stage.reach), max(0, left - stage.reach)
        part = stage.layers(images[..., above : bottom + stage.reach, before : right + stage.reach])
        if made is None:
            made = part.new_empty(*part.shape[:2], stage.scale * height, stage.scale * width)
        cut = part[..., stage.scale * (top - above) :, stage.scale * (left - before) :]
        place = made[..., stage.scale * top : stage.scale * bottom, stage.scale * left : stage.scale * right]
        place.copy_(cut[..., : place.shape[-2], : place.shape[-1]])
    assert made is not None
    return made


def room(stage: Stage) -> int:
    """The side of a tile that has PIXELS_AT_ONCE with its margin."""
    return max(SMALLEST_TILE, math.isqrt(PIXELS_AT_ONCE) // stage.scale - 2 * stage.reach)


def spans(length: int, tile: int) -> list[tuple[int, int]]:
    """Beginnings and ends of nearly equal parts of a line, none longer than `tile`."""
    count = -(-length // tile)
    return list(pairwise(number * length // count for number in range(count + 1)))
