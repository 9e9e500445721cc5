"""Values that change in the course of a run: functions of the images seen, so that nothing of them is stored."""

import math
from dataclasses import dataclass
from typing import Protocol


class Schedule(Protocol):
    def __call__(self, images_seen: int) -> float: ...


@dataclass(frozen=True)
class Linear:
    """`start` until `begin` images, from there straight to `end` at `until` images, and `end` afterwards."""

    start: float
    end: float
    until: int
    begin: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.begin < self.until:
            raise ValueError(f"a schedule begins before it ends, not at {self.begin:,} and {self.until:,} images")

    def __call__(self, images_seen: int) -> float:
        return self.start + (self.end - self.start) * self.way(self.share(images_seen))

    def share(self, images_seen: int) -> float:
        """How much of the time from `begin` to `until` is over."""
        return min(max((images_seen - self.begin) / (self.until - self.begin), 0.0), 1.0)

    def way(self, share: float) -> float:
        """How much of the way from `start` to `end` is covered then."""
        return share


@dataclass(frozen=True)
class Cosine(Linear):
    """Half a cosine in the place of the straight line (Loshchilov and Hutter 2017, equation 5, without restarts)."""

    def way(self, share: float) -> float:
        return 0.5 - 0.5 * math.cos(math.pi * share)


@dataclass(frozen=True)
class Geometric:
    """`start`, which after each `every` images is `ratio` of what it was, down to `end`."""

    start: float
    end: float
    ratio: float
    every: int

    def __post_init__(self) -> None:
        if not 0 < self.ratio < 1 or self.every < 1:
            raise ValueError(
                f"a geometric schedule needs a ratio between 0 and 1, not {self.ratio}, and images between its steps, "
                f"not {self.every:,}"
            )

    def __call__(self, images_seen: int) -> float:
        return max(self.start * self.ratio ** (images_seen // self.every), self.end)


@dataclass(frozen=True)
class Ramp:
    """`share` of the images seen, up to `limit`."""

    share: float
    limit: float

    def __call__(self, images_seen: int) -> float:
        return min(self.share * images_seen, self.limit)
