"""Adaptive augmentation (Karras et al. 2020, "Training Generative Adversarial Networks with Limited Data").

What the discriminator sees is changed at random, and the more often, the more sure it is of the training images.
"""

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor, nn

from ganforge.augment.blitting import mirror, shift, turn
from ganforge.augment.colour import recolour
from ganforge.augment.corruption import band_filter, cutout, noise
from ganforge.augment.geometry import warp
from ganforge.interfaces import Count, Terms
from ganforge.precision import unrounded

Group = Literal["blit", "geom", "color", "filter", "noise", "cutout"]
PIPE: dict[str, tuple[Callable[[Tensor, Tensor], Tensor], ...]] = {
    "blit": (mirror, turn, shift),
    "geom": (warp,),
    "color": (recolour,),
    "filter": (band_filter,),
    "noise": (noise,),
    "cutout": (cutout,),
}
"""Eighteen transforms in the published order (appendix B), each of which changes an image with probability p."""


class ADA(nn.Module):
    """Images (B, C, H, W) in [-1, 1] changed by those `groups` of the pipe, and the rule for p (section 3.2).

    r is the mean sign of D(real) over about `every` real images. Then p moves by the share of `ramp` that they were, up
    if r is above `target`, and down otherwise; without a target p stays as it is, or follows a schedule.

    All that is remembered counts images, and is equal in all processes: p * ramp, and the signs and the logits since p
    moved last.
    """

    needs = frozenset({"images"})
    raised: Tensor
    signs: Tensor
    logits: Tensor

    def __init__(
        self, groups: list[Group], p: float = 0.0, target: float | None = 0.6, every: Count = 256, ramp: Count = 500_000
    ) -> None:
        super().__init__()
        self.transforms = [transform for name, group in PIPE.items() if name in groups for transform in group]
        self.target, self.every, self.ramp = target, every, ramp
        self.register_buffer("raised", torch.tensor(0))
        self.register_buffer("signs", torch.tensor(0))
        self.register_buffer("logits", torch.tensor(0))
        self.p = p

    @property
    def reads_signs(self) -> bool:
        return self.target is not None

    @property
    def p(self) -> Tensor:
        return self.raised.float() / self.ramp

    @p.setter
    def p(self, share: float) -> None:
        if not 0 <= share <= 1:
            raise ValueError(f"augment.p must be between 0 and 1, got {share}")
        self.raised.fill_(round(share * self.ramp))

    @property
    def scheduled(self) -> frozenset[str]:
        return frozenset() if self.reads_signs else frozenset({"p"})

    def forward(self, images: Tensor) -> Tensor:
        with unrounded(images):
            changed = images.to(torch.promote_types(images.dtype, torch.float32))
            for transform in self.transforms:
                changed = transform(changed, self.p)
        return changed.to(images.dtype)

    @torch.no_grad()
    def adapt(self, real_logits: Tensor) -> Terms:
        if self.target is None:
            return {"p": self.p}
        signs, logits = over_all_ranks(real_logits)
        self.signs += signs
        self.logits += logits
        r = self.signs / self.logits
        per_image = real_logits.numel() // len(real_logits)
        images = self.logits // per_image
        due = images >= self.every
        step = (r - self.target).sign().long() * images
        self.raised.copy_((self.raised + step * due).clamp(0, self.ramp))
        self.signs *= ~due
        self.logits *= ~due
        return {"p": self.p, "real_sign": r}


def over_all_ranks(logits: Tensor) -> Tensor:
    """The sum of the signs, and how many there are."""
    found = torch.stack([logits.sign().long().sum(), torch.full((), logits.numel(), device=logits.device)])
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        torch.distributed.all_reduce(found)
    return found
