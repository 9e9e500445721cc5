"""General geometric transforms, composed into one matrix for each image (Karras et al. 2020, appendix B).

An image is warped at twice its resolution, to which it is brought and from which it returns by the orthogonal lowpass
filter sym6 (Daubechies 1992, table 8.3), so that a warp that moves nothing changes nothing.
"""

import math
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from ganforge.augment.pixels import chosen, folded, normal, uniform, where

SYM6 = (
    0.015404109327027373, 0.0034907120842174702, -0.11799011114819057, -0.048311742585633, 0.4910559419267466,
    0.787641141030194, 0.3379294217276218, -0.07263752278646252, -0.021060292512300564, 0.04472490177066578,
    0.0017677118642428036, -0.007800708325034148,
)  # fmt: skip
CENTRE = sum(tap * weight for tap, weight in enumerate(SYM6)) / sum(SYM6)
"""The taps by which SYM6 delays what is smooth, about 5.1."""


def warp(images: Tensor, p: Tensor) -> Tensor:
    """Isotropic scaling, rotation, anisotropic scaling, rotation and fractional translation, in this order.

    Either rotation happens with probability 1 - sqrt(1 - p), so that one of the two does with probability p.
    """
    either = 1 - (1 - p).sqrt()
    scale, stretch = (normal(images, 0.2)[:, 0].exp2() for _ in range(2))
    angles = uniform(images, -math.pi, math.pi, columns=2)
    moved = normal(images, 0.125 * images.shape[-1], columns=2)
    masks = [chosen(images, share) for share in (p, either, p, either, p)]
    inverses = [
        scaling(1 / scale, 1 / scale), rotation(-angles[:, 0]), scaling(1 / stretch, stretch), rotation(-angles[:, 1]),
        translation(-moved[:, 0], -moved[:, 1]),
    ]  # fmt: skip
    inverse = torch.eye(3, device=images.device, dtype=images.dtype).expand(len(images), 3, 3)
    for mask, one in zip(masks, inverses, strict=True):
        inverse = torch.where(mask[:, None, None], inverse @ one, inverse)
    return where(torch.stack(masks).any(0), warped(images, inverse), images)


def scaling(x: Tensor, y: Tensor) -> Tensor:
    """(B, 3, 3): x and y, from the centre, times the factors (B,)."""
    zero, one = torch.zeros_like(x), torch.ones_like(x)
    return matrices([x, zero, zero, zero, y, zero, zero, zero, one])


def rotation(angle: Tensor) -> Tensor:
    """(B, 3, 3): x towards y by an angle (B,), around the centre."""
    zero, one, sine, cosine = torch.zeros_like(angle), torch.ones_like(angle), angle.sin(), angle.cos()
    return matrices([cosine, -sine, zero, sine, cosine, zero, zero, zero, one])


def translation(x: Tensor, y: Tensor) -> Tensor:
    """(B, 3, 3): by x and y pixels (B,)."""
    zero, one = torch.zeros_like(x), torch.ones_like(x)
    return matrices([one, zero, x, zero, one, y, zero, zero, one])


def matrices(entries: list[Tensor]) -> Tensor:
    return torch.stack(entries, 1).view(-1, 3, 3)


def warped(images: Tensor, inverse: Tensor) -> Tensor:
    """Pixel (x, y), counted from the centre, comes from `inverse` (B, 3, 3) @ (x, y, 1).

    The image goes on beyond its borders as its reflection.
    """
    size = images.shape[-1]
    up, down = resampling(size, images.dtype, images.device)
    middle = (size - 1) / 2
    line = (torch.arange(len(up), device=images.device, dtype=images.dtype) - CENTRE) / 2 - middle
    y, x = torch.meshgrid(line, line, indexing="ij")
    places = torch.stack([x, y, torch.ones_like(x)], -1) @ inverse[:, None, :2].mT
    places = 2 * folded(places + middle, size) + CENTRE
    fine: Tensor = _Sample.apply(up @ images @ up.mT, places * (2 / (len(up) - 1)) - 1)
    return down @ fine @ down.mT


@lru_cache(maxsize=8)
def resampling(size: int, dtype: torch.dtype, device: torch.device) -> tuple[Tensor, Tensor]:
    """Matrices to twice the resolution (2 size + 10, size) and back (size, 2 size + 10), for rows as for columns.

    Fine place u is the image's place (u - CENTRE) / 2.
    """
    fine = 2 * size + len(SYM6) - 2
    up, down = torch.zeros(fine, size, dtype=torch.float64), torch.zeros(size, fine, dtype=torch.float64)
    for tap, weight in enumerate(SYM6):
        reached = torch.arange(tap % 2, fine, 2)
        pixels = folded((reached - tap) // 2, size)
        up.index_put_((reached, pixels), torch.tensor(weight * math.sqrt(2), dtype=up.dtype), accumulate=True)
        down[torch.arange(size), 2 * torch.arange(size) + tap] = weight / math.sqrt(2)
    return up.to(device, dtype), down.to(device, dtype)


GRID = 0, 0, True
"""Bilinear, zeros outside, corners aligned, in the numbers of torch's operators."""


class _Sample(torch.autograd.Function):
    """Bilinear sampling, linear in the images, with its adjoint for a derivative: it has them of every order.

    Autograd's own sampling has no second derivative in every version of torch.
    """

    @staticmethod
    def forward(ctx: Any, images: Tensor, grid: Tensor) -> Tensor:
        ctx.save_for_backward(grid)
        ctx.shape = images.shape
        return F.grid_sample(images, grid, align_corners=True)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        spread: Tensor = _Spread.apply(gradient, *ctx.saved_tensors, ctx.shape)
        return spread, None


class _Spread(torch.autograd.Function):
    """Each value goes to the four pixels around its place, where sampling reads them."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, grid: Tensor, shape: torch.Size) -> Tensor:
        ctx.save_for_backward(grid)
        form = values.new_zeros(()).expand(shape)  # read for its shape alone
        spread: Tensor = torch.ops.aten.grid_sampler_2d_backward(values, form, grid, *GRID, [True, False])[0]
        return spread

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        sampled: Tensor = _Sample.apply(gradient, *ctx.saved_tensors)
        return sampled, None, None
