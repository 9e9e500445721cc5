"""Images a fixed number at a time, so that rounding never depends on how many there are."""

from collections.abc import Iterator

import torch
from torch import Tensor

BLOCK = 32


def filled_blocks(images: Tensor, size: int) -> Iterator[Tensor]:
    """Consecutive blocks of exactly `size` images, the last one filled up with the last image."""
    for start in range(0, len(images), size):
        yield images[torch.arange(start, start + size).clamp_max(len(images) - 1)]
