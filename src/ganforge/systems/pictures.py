"""Pictures that belong together, one below the other."""

import torch
from torch import Tensor

COLUMNS = 8


def in_rows(*sets: Tensor) -> Tensor:
    """Sets of N images (N, C, H, W) -> (rows, columns, C, H, W): a row of each set in turn, until no row is full.

    Gray images stand beside colour ones as three equal channels, small ones beside large ones with larger pixels.
    """
    columns = min(COLUMNS, len(sets[0]))
    largest = max(images.shape[-1] for images in sets)
    sets = tuple(enlarged(images, largest // images.shape[-1]) for images in sets)
    channels = max(images.shape[1] for images in sets)
    rows = [
        images[: len(images) // columns * columns].expand(-1, channels, -1, -1).unflatten(0, (-1, columns))
        for images in sets
    ]
    return torch.stack(rows, 1).flatten(0, 1)


def enlarged(images: Tensor, times: int) -> Tensor:
    """Every pixel as a square of equal ones."""
    return images if times == 1 else images.repeat_interleave(times, -1).repeat_interleave(times, -2)
