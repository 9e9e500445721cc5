"""Bicubic interpolation as MATLAB's `imresize` has it, by which papers on super-resolution make their sources.

Pillow's is equal inside of an image; at the border it leaves out what MATLAB mirrors.
"""

import math
from functools import lru_cache

import torch
from torch import Tensor

SHARPNESS = -0.5
"""The slope of the kernel at its first zero (Keys 1981)."""


def bicubic(images: Tensor, size: tuple[int, int]) -> Tensor:
    """uint8 images (B, C, H, W) at `size`, (height, width), antialiased where that is less, rounded."""
    rows, columns = (weights(length, made, images.device) for length, made in zip(images.shape[-2:], size, strict=True))
    return (rows @ images.float() @ columns.T).round_().clamp_(0, 255).byte()


@lru_cache(maxsize=64)
def weights(length: int, made: int, device: torch.device) -> Tensor:
    """The matrix (made, length) from the pixels of a line to those of the line at another length."""
    with torch.inference_mode(False):
        stretch = max(1.0, length / made)
        centres = (torch.arange(made, dtype=torch.float64) + 0.5) * (length / made) - 0.5
        reach = math.ceil(2 * stretch)
        taps = centres.floor().long()[:, None] + torch.arange(-reach, reach + 2)
        share = kernel((centres[:, None] - taps) / stretch)
        places = taps % (2 * length)  # mirrored at both ends, with the pixel at the end once more
        places = torch.where(places < length, places, 2 * length - 1 - places)
        matrix = torch.zeros(made, length, dtype=torch.float64)
        matrix.scatter_add_(1, places, share / share.sum(1, keepdim=True))
        return matrix.float().to(device)


def kernel(x: Tensor) -> Tensor:
    """Keys 1981, equation 15."""
    x, a = x.abs(), SHARPNESS
    near = (a + 2) * x**3 - (a + 3) * x**2 + 1
    far = a * (x**3 - 5 * x**2 + 8 * x - 4)
    return torch.where(x <= 1, near, torch.where(x < 2, far, 0.0))
