"""Pictures that belong together, one below the other."""

import torch
from torch import Tensor

COLUMNS = 8


def in_rows(*sets: Tensor) -> Tensor:
    """Sets of N images (N, C, H, W) -> (rows, columns, C, H, W): a row of each set in turn, until no row is full.

    Gray images stand beside colour ones as three equal channels.
    """
    columns = min(COLUMNS, len(sets[0]))
    channels = max(images.shape[1] for images in sets)
    rows = [
        images[: len(images) // columns * columns].expand(-1, channels, -1, -1).unflatten(0, (-1, columns))
        for images in sets
    ]
    return torch.stack(rows, 1).flatten(0, 1)
