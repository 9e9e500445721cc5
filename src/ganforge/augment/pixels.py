"""What augmentations have in common: a choice for each image, and pixels moved by whole numbers.

Nothing here waits for a device: shapes never depend on what was drawn. All of it is linear in the images, so that
penalties may differentiate a critic through it twice.
"""

import torch
from torch import Tensor


def chosen(images: Tensor, p: Tensor | float) -> Tensor:
    """(B,) bool, each true with probability p."""
    return torch.rand(len(images), device=images.device, dtype=torch.float32) < p


def uniform(images: Tensor, low: float, high: float, columns: int = 1) -> Tensor:
    """(B, columns) from U(low, high)."""
    drawn = torch.rand(len(images), columns, device=images.device, dtype=images.dtype)
    return low + (high - low) * drawn


def normal(images: Tensor, deviation: float, columns: int = 1) -> Tensor:
    """(B, columns) from N(0, deviation^2)."""
    return deviation * torch.randn(len(images), columns, device=images.device, dtype=images.dtype)


def where(mask: Tensor, changed: Tensor, images: Tensor) -> Tensor:
    """The changed image where `mask` (B,) says so; the others bit for bit."""
    return torch.where(mask[:, None, None, None], changed, images)


def taken(images: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """Pixel (y, x) of image b comes from (rows[b, y], columns[b, x]); rows (B, H') and columns (B, W')."""
    _, channels, _, width = images.shape
    high = images.gather(2, rows[:, None, :, None].expand(-1, channels, -1, width))
    return high.gather(3, columns[:, None, None, :].expand(-1, channels, rows.shape[1], -1))


def folded(places: Tensor, size: int) -> Tensor:
    """Places anywhere, reflected at the centres of the first and the last of `size` pixels into [0, size - 1]."""
    last = size - 1
    return last - (places.remainder(2 * last) - last).abs()
