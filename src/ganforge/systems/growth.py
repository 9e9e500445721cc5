"""How far networks that grow have come: a function of the images seen."""

from dataclasses import dataclass

from ganforge.interfaces import Count


@dataclass(frozen=True)
class Growth:
    """Every level is learned with for `stable` images before the next one fades in for `fade` images.

    0 is the base, 1.5 the middle of the second level's fade; without an upper bound.
    """

    stable: Count = 600_000
    fade: Count = 600_000

    def __call__(self, images_seen: int) -> float:
        level, images = divmod(images_seen, self.stable + self.fade)
        return level + max(images - self.stable, 0) / self.fade
