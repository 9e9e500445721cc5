"""Colour transforms, composed into one affine map of each image's channels (Karras et al. 2020, appendix B)."""

import math

import torch
from torch import Tensor

from ganforge.augment.pixels import chosen, normal, uniform, where


def recolour(images: Tensor, p: Tensor) -> Tensor:
    """Brightness, contrast, luma flip, hue and saturation, in this order; gray images have the first three only."""
    contrast = normal(images, 0.5)[:, 0].exp2()
    flip = uniform(images, 0, 1)[:, 0] < 0.5
    angle = uniform(images, -math.pi, math.pi)[:, 0]
    vividness = normal(images, 1.0)[:, 0].exp2()
    brightness = normal(images, 0.2)
    steps = [contrasts(contrast), flips(flip.to(images.dtype)), hues(angle), saturations(vividness)]
    masks = [chosen(images, p) for _ in range(5)]
    if images.shape[1] == 1:
        steps, masks = steps[:2], masks[:3]
    matrix = torch.eye(3, device=images.device, dtype=images.dtype).expand(len(images), 3, 3)
    offset = torch.where(masks[0][:, None], brightness, 0.0).expand(-1, 3)[:, :, None]
    for mask, step in zip(masks[1:], steps, strict=True):
        matrix = torch.where(mask[:, None, None], step @ matrix, matrix)
    return where(torch.stack(masks).any(0), recoloured(images, matrix, matrix @ offset), images)


def recoloured(images: Tensor, matrix: Tensor, offset: Tensor) -> Tensor:
    """matrix (B, 3, 3) @ pixel + offset (B, 3, 1); a gray image stands for its three equal channels."""
    if images.shape[1] == 1:
        matrix, offset = matrix.sum(2, keepdim=True).mean(1, keepdim=True), offset.mean(1, keepdim=True)
    return torch.baddbmm(offset, matrix, images.flatten(2)).view_as(images)


def gray(like: Tensor) -> Tensor:
    """(3, 3): onto the axis of equal channels."""
    return torch.full((3, 3), 1 / 3, device=like.device, dtype=like.dtype)


def unchanged(like: Tensor) -> Tensor:
    return torch.eye(3, device=like.device, dtype=like.dtype)


def contrasts(factor: Tensor) -> Tensor:
    """(B, 3, 3): every channel times the factor (B,)."""
    return factor[:, None, None] * unchanged(factor)


def flips(flip: Tensor) -> Tensor:
    """(B, 3, 3): the gray part of a colour negated where `flip` (B,) is 1."""
    return unchanged(flip) - 2 * flip[:, None, None] * gray(flip)


def hues(angle: Tensor) -> Tensor:
    """(B, 3, 3): a turn around the gray axis by the angle (B,); red comes to green after 120 degrees."""
    same, beside, across = ((1 + 2 * (angle + turn).cos()) / 3 for turn in (0, 2 * math.pi / 3, -2 * math.pi / 3))
    return torch.stack([same, beside, across, across, same, beside, beside, across, same], 1).view(-1, 3, 3)


def saturations(factor: Tensor) -> Tensor:
    """(B, 3, 3): the distance from gray times the factor (B,)."""
    return gray(factor) + factor[:, None, None] * (unchanged(factor) - gray(factor))
