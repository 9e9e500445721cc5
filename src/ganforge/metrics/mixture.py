"""Exact scores on a Gaussian mixture whose modes are known."""

import torch
from torch import Tensor

from ganforge.interfaces import Batch, Cached
from ganforge.metrics.features import FeatureMetric, Features


def mode_coverage(points: Tensor, modes: Tensor, sigma: float) -> tuple[Tensor, Tensor]:
    """How many modes hold at least one point within 3 sigma, and the share of points (N, 2) within 3 sigma of any.

    A perfect sampler's share is 1 - exp(-9/2) = 0.989.
    """
    distance, nearest = torch.cdist(points.double(), modes.double()).min(1)
    good = distance <= 3 * sigma
    return nearest[good].unique().numel() * torch.ones((), dtype=torch.float64), good.double().mean()


class ModeCoverage(FeatureMetric):
    def __init__(self, real: Features, mixture: tuple[Tensor, float]) -> None:
        super().__init__(real)
        self.modes, self.sigma = mixture

    def compute(self) -> dict[str, Tensor]:
        covered, share = mode_coverage(self.fake_features, self.modes, self.sigma)
        return {"modes_covered": covered, "within_3_sigma": share}


class PointsExtractor:
    """The points themselves: a 1x1 image with two channels is its own feature."""

    name = "points"
    needs = frozenset({"points"})

    def prepare(self, train: Batch, held_out: Batch, cached: Cached) -> None:
        pass

    def describe(self) -> dict[str, str | float]:
        return {"extractor": self.name}

    def __call__(self, images: Tensor) -> tuple[Tensor, Tensor]:
        points = images.flatten(1).float()
        return points, points
