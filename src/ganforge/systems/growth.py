"""How far networks that grow have come: a function of the images seen."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from ganforge.interfaces import Count


@dataclass(frozen=True)
class Growth:
    """Every level is learned with for `stable` images before the next one fades in for `fade` images.

    0 is the base, 1.5 the middle of the second level's fade; without an upper bound. While the last level in use is the
    base, the first, and so on, a batch has so many times `data.batch_size` images as `batch_multiples` say.
    """

    stable: Count = 600_000
    fade: Count = 600_000
    batch_multiples: Sequence[Count] = ()

    def __post_init__(self) -> None:
        if any(multiple < 1 for multiple in self.batch_multiples):
            raise ValueError(f"growth.batch_multiples={list(self.batch_multiples)} must be at least 1")

    def __call__(self, images_seen: int) -> float:
        level, images = divmod(images_seen, self.stable + self.fade)
        return level + max(images - self.stable, 0) / self.fade

    def batch_multiple(self, level: float) -> int:
        last = math.ceil(level)
        return self.batch_multiples[last] if last < len(self.batch_multiples) else 1
