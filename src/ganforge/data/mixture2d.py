"""Mixtures of Gaussians in the plane: the toy on which mode collapse can be counted exactly (Metz et al. 2017)."""

import math
from typing import Any, Literal

import torch
from torch import Tensor

from ganforge.data.module import InMemoryData
from ganforge.interfaces import Batch
from ganforge.randomness import derived_generator


class Mixture2d(InMemoryData):
    """Points as 1x1 images with two channels, so that every system takes them; scaled into [-1, 1].

    `ring`: 8 modes on a circle of radius 2, sigma 0.02, divided by 2.5; `grid`: 5 x 5 modes 2 apart, sigma 0.05,
    divided by 5 (both as in Lin et al. 2018, PacGAN, section 4.1, before scaling).
    """

    name = "mixture2d"
    kind = "points"

    def __init__(self, layout: Literal["ring", "grid"], points: int, **described: Any) -> None:
        super().__init__(**described)
        if points < 1:
            raise ValueError(f"data.points must be at least 1, got {points}")
        self.layout, self.points = layout, points
        self.modes, self.sigma = mixture(layout)
        self.split_name = f"fresh draws from the {layout}"

    def load(self) -> tuple[Batch, Batch]:
        return self._draw("train", self.points), self._draw("held out", max(2, self.points // 10))

    def _draw(self, split: str, count: int) -> Batch:
        generator = derived_generator("mixture2d", self.layout, split)
        mode = torch.randint(len(self.modes), (count,), generator=generator)
        points = self.modes[mode] + self.sigma * torch.randn(count, 2, generator=generator)
        return Batch(points[:, :, None, None], None)


def mixture(layout: Literal["ring", "grid"]) -> tuple[Tensor, float]:
    """The modes (M, 2) and the standard deviation around each."""
    return ring() if layout == "ring" else grid()


def ring() -> tuple[Tensor, float]:
    """Eight modes (8, 2) and their standard deviation."""
    angle = torch.arange(8) * (2 * math.pi / 8)
    return torch.stack([angle.cos(), angle.sin()], 1) * (2 / 2.5), 0.02 / 2.5


def grid() -> tuple[Tensor, float]:
    """Twenty-five modes (25, 2) and their standard deviation."""
    axis = torch.arange(-4.0, 5.0, 2.0) / 5
    return torch.cartesian_prod(axis, axis), 0.05 / 5
