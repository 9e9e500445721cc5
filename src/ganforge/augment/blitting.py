"""Pixel blitting: exact transforms, by whole pixels (Karras et al. 2020, appendix B)."""

import torch
from torch import Tensor, nn

from ganforge.augment.pixels import chosen, folded, taken, uniform, where
from ganforge.interfaces import Terms


def mirror(images: Tensor, p: Tensor | float) -> Tensor:
    """Left and right, for half of the images chosen."""
    return where(chosen(images, p) & chosen(images, 0.5), images.flip(3), images)


def turn(images: Tensor, p: Tensor) -> Tensor:
    """0, 90, 180 or 270 degrees, each as likely."""
    quarters = torch.randint(0, 4, (len(images),), device=images.device)
    return turned(images, quarters * chosen(images, p))


def turned(images: Tensor, quarters: Tensor) -> Tensor:
    """As `torch.rot90(image, quarters, (1, 2))` for each image."""
    images = where(quarters % 2 == 1, images.transpose(2, 3), images)
    images = where((quarters == 1) | (quarters == 2), images.flip(2), images)
    return where(quarters >= 2, images.flip(3), images)


def shift(images: Tensor, p: Tensor | float) -> Tensor:
    """Up to an eighth of the side both ways, in whole pixels."""
    pixels = (uniform(images, -0.125, 0.125, columns=2) * images.shape[-1]).round().long()
    return shifted(images, pixels * chosen(images, p)[:, None])


def shifted(images: Tensor, pixels: Tensor) -> Tensor:
    """Down by pixels[:, 0] and right by pixels[:, 1]; what comes in is the image reflected."""
    size = images.shape[-1]
    rows, columns = (folded(torch.arange(size, device=images.device) - by[:, None], size) for by in pixels.unbind(1))
    return taken(images, rows, columns)


class MirrorAndShift(nn.Module):
    """Half of the images mirrored, and all shifted by up to an eighth of their side (Zhang et al. 2020)."""

    needs = frozenset({"images"})
    reads_signs = False
    scheduled: frozenset[str] = frozenset()

    def forward(self, images: Tensor) -> Tensor:
        return shift(mirror(images, 1.0), 1.0)

    def adapt(self, real_logits: Tensor) -> Terms:
        """There is nothing to adapt."""
        return {}
