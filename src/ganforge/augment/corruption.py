"""Image-space filtering and corruptions (Karras et al. 2020, appendix B); the published runs leave them out."""

import math
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from ganforge.augment.pixels import chosen, folded, normal, uniform, where

SYM2 = np.array([1 - math.sqrt(3), 3 - math.sqrt(3), 3 + math.sqrt(3), 1 + math.sqrt(3)]) / (4 * math.sqrt(2))
EXPECTED_POWER = (10 / 13, 1 / 13, 1 / 13, 1 / 13)
"""How a natural image's power is spread over the bands, from low to high frequencies."""


def band_filter(images: Tensor, p: Tensor) -> Tensor:
    """Each of four frequency bands amplified by 2^N(0, 1), at unchanged expected power."""
    gains = torch.ones(len(images), 4, device=images.device, dtype=images.dtype)
    masks = [chosen(images, p) for _ in range(4)]
    for band, (mask, power) in enumerate(zip(masks, EXPECTED_POWER, strict=True)):
        gain = torch.where(mask, normal(images, 1.0)[:, 0].exp2(), 1.0)
        gains[:, band] *= gain
        gains /= (1 + power * (gain.square() - 1)).sqrt()[:, None]
    return where(torch.stack(masks).any(0), filtered(images, gains), images)


def filtered(images: Tensor, gains: Tensor) -> Tensor:
    """Each band times its gain (B, 4), along rows and along columns; the image is reflected at its borders."""
    along = torch.einsum("bk,kij->bij", gains, bands(images.shape[-1], images.dtype, images.device))[:, None]
    return along @ images @ along.mT


def filter_bank() -> list[np.ndarray]:
    """Four zero-phase filters that add up to the identity: below 1/8 of the highest frequency, to 1/4, 1/2 and 1.

    Products of the power of SYM2 and of its mirror, at one, two and four times the spacing.
    """
    low = np.convolve(SYM2, SYM2[::-1]) / 2
    high = low * np.array([-1, 1, -1, 1, -1, 1, -1])

    def spaced(taps: np.ndarray, step: int) -> np.ndarray:
        wide = np.zeros(step * (len(taps) - 1) + 1)
        wide[::step] = taps
        return wide

    below, bank = np.ones(1), []
    for step in (1, 2, 4):
        bank.append(np.convolve(below, spaced(high, step)))
        below = np.convolve(below, spaced(low, step))
    return [below, *reversed(bank)]


@lru_cache(maxsize=8)
def bands(size: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    """(4, size, size): the filters as matrices on a row of pixels."""
    found = torch.zeros(4, size, size, dtype=torch.float64)
    for matrix, taps in zip(found, filter_bank(), strict=True):
        for tap, weight in enumerate(taps):
            pixels = torch.arange(size)
            sources = folded(pixels + tap - len(taps) // 2, size)
            matrix.index_put_((pixels, sources), torch.tensor(weight, dtype=found.dtype), accumulate=True)
    return found.to(device, dtype)


def noise(images: Tensor, p: Tensor) -> Tensor:
    """Gaussian noise of a deviation that is itself |N(0, 0.1)|, for every pixel and channel."""
    deviation = normal(images, 0.1).abs()[:, :, None, None]
    return where(chosen(images, p), images + deviation * torch.randn_like(images), images)


def cutout(images: Tensor, p: Tensor) -> Tensor:
    """Zero in a square of half the side, whose centre is anywhere, so that it may reach beyond the border."""
    return cut_out(images, uniform(images, 0, 1, columns=2), chosen(images, p))


def cut_out(images: Tensor, centres: Tensor, mask: Tensor) -> Tensor:
    """`centres` (B, 2) are row and column as shares of the side; `mask` (B,) says where."""
    size = images.shape[-1]
    middles = (torch.arange(size, device=images.device, dtype=images.dtype) + 0.5) / size
    near = (middles - centres[:, :, None]).abs() < 0.25
    square = near[:, 0, :, None] & near[:, 1, None, :] & mask[:, None, None]
    return images.masked_fill(square[:, None], 0.0)
