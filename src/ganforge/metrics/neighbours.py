"""Precision and recall (Kynkäänniemi et al. 2019), density and coverage (Naeem et al. 2020) from nearest neighbours."""

import torch
from torch import Tensor

from ganforge.metrics.features import FeatureMetric, Features

BLOCK = 1024


def squared_distances(x: Tensor, y: Tensor) -> Tensor:
    """|x_i - y_j|^2 (N, M) in float64, where cancellation leaves a zero distance at zero to 1e-12 of the norms."""
    return (x.square().sum(1)[:, None] + y.square().sum(1) - 2 * x @ y.T).clamp_min(0)


def radii(x: Tensor, k: int) -> Tensor:
    """The squared distance (N,) from each point to its k-th nearest other point."""
    if not 1 <= k < len(x):
        raise ValueError(f"k={k} should be the number of a neighbour: 1 to {len(x) - 1} among {len(x)} images")
    blocks = []
    for start, rows in zip(range(0, len(x), BLOCK), x.split(BLOCK), strict=True):
        distances = squared_distances(rows, x)
        own = torch.arange(len(rows))
        distances[own, start + own] = torch.inf
        blocks.append(distances.kthvalue(k, dim=1).values)
    return torch.cat(blocks)


def precision_recall(real: Tensor, fake: Tensor, k: int = 3) -> tuple[Tensor, Tensor]:
    """The share of fakes inside the k-neighbour balls of the reals, and of reals inside those of the fakes."""
    real, fake = real.double(), fake.double()
    return _covered(fake, real, radii(real, k)), _covered(real, fake, radii(fake, k))


def _covered(points: Tensor, centres: Tensor, squared_radii: Tensor) -> Tensor:
    inside = [(squared_distances(rows, centres) <= squared_radii).any(1) for rows in points.split(BLOCK)]
    return torch.cat(inside).double().mean()


def density_coverage(real: Tensor, fake: Tensor, k: int = 5) -> tuple[Tensor, Tensor]:
    """How many real balls a fake lies in, over k; and the share of real balls that hold a fake (equations 4 and 5)."""
    real, fake = real.double(), fake.double()
    squared_radii = radii(real, k)
    inside = torch.zeros(len(real), dtype=torch.long, device=real.device)
    for rows in fake.split(BLOCK):
        inside += (squared_distances(rows, real) <= squared_radii).sum(0)
    return inside.sum().double() / (k * len(fake)), (inside > 0).double().mean()


class PrecisionRecall(FeatureMetric):
    def __init__(self, real: Features, k: int = 3) -> None:
        super().__init__(real)
        self.k = k

    def compute(self) -> dict[str, Tensor]:
        precision, recall = precision_recall(self.real.features, self.fake_features, self.k)
        return {"precision": precision, "recall": recall}


class DensityCoverage(FeatureMetric):
    def __init__(self, real: Features, k: int = 5) -> None:
        super().__init__(real)
        self.k = k

    def compute(self) -> dict[str, Tensor]:
        density, coverage = density_coverage(self.real.features, self.fake_features, self.k)
        return {"density": density, "coverage": coverage}
