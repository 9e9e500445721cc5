"""DiffAugment (Zhao et al. 2020, "Differentiable Augmentation for Data-Efficient GAN Training", section 3.2)."""

from collections.abc import Callable, Sequence
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ganforge.augment.pixels import taken, uniform
from ganforge.interfaces import Terms

Policy = Literal["color", "translation", "cutout"]


def color(images: Tensor) -> Tensor:
    """Brightness + U(-0.5, 0.5), saturation x U(0, 2), contrast x U(0.5, 1.5), each image on its own."""
    brightness, saturation, contrast = (
        uniform(images, low, low + width)[:, :, None, None] for low, width in ((-0.5, 1.0), (0.0, 2.0), (0.5, 1.0))
    )
    images = images + brightness
    gray = images.mean(1, keepdim=True)
    images = gray + saturation * (images - gray)
    mean = images.mean((1, 2, 3), keepdim=True)
    return mean + contrast * (images - mean)


def translation(images: Tensor) -> Tensor:
    """Each image moved by up to an eighth of its side, in whole pixels; zeros come in."""
    size = images.shape[-1]
    reach = int(size / 8 + 0.5)
    start = torch.randint(0, 2 * reach + 1, (2, len(images), 1), device=images.device)
    rows, columns = torch.arange(size, device=images.device) + start
    return taken(F.pad(images, [reach] * 4), rows, columns)


def cutout(images: Tensor) -> Tensor:
    """A square of half the side becomes zero; its centre is anywhere, so that it may reach beyond the border."""
    size = images.shape[-1]
    side = int(size / 2 + 0.5)
    first = torch.randint(0, size + 1 - side % 2, (2, len(images), 1), device=images.device) - side // 2
    places = torch.arange(size, device=images.device)
    rows, columns = (places >= first) & (places < first + side)
    return images.masked_fill((rows[:, :, None] & columns[:, None, :])[:, None], 0.0)


POLICIES: dict[str, Callable[[Tensor], Tensor]] = {"color": color, "translation": translation, "cutout": cutout}


class DiffAugment(nn.Module):
    """Images (B, C, H, W) in [-1, 1] changed by every part of the policy, in its order; always, and all of them."""

    needs = frozenset({"images"})
    reads_signs = False
    scheduled: frozenset[str] = frozenset()

    def __init__(self, policy: list[Policy]) -> None:
        super().__init__()
        self.policy: Sequence[Policy] = tuple(policy)

    def forward(self, images: Tensor) -> Tensor:
        for name in self.policy:
            images = POLICIES[name](images)
        return images

    def adapt(self, real_logits: Tensor) -> Terms:
        """There is nothing to adapt."""
        return {}
