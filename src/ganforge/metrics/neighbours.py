"""Precision and recall (Kynkäänniemi et al. 2019), density and coverage (Naeem et al. 2020) from nearest neighbours."""

from functools import cached_property

import torch
from torch import Tensor

from ganforge.metrics.features import FeatureMetric, Features
from ganforge.metrics.pairs import pairs, pairs_within


def squared_distances(x: Tensor, y: Tensor) -> Tensor:
    """|x_i - y_j|^2 (N, M) in float64, where cancellation leaves a zero distance at zero to 1e-12 of the norms.

    The order of the terms gives (j, i) the rounding of (i, j) wherever the processor does.
    """
    return (x.square().sum(1)[:, None] + y.square().sum(1)).addmm_(x, y.T, alpha=-2)


def rims(x: Tensor) -> Tensor:
    """What rounding may add to squared distances from x (N, D): with it a fake that repeats a neighbour is inside."""
    return 1e-12 * x.square().sum(1)


def radii(x: Tensor, k: int) -> Tensor:
    """The squared distance (N,) from each point to its k-th nearest other point."""
    if not 1 <= k < len(x):
        raise ValueError(
            f"k={k} should be the number of a neighbour: 1 to {len(x) - 1} among {len(x)} images "
            "(data.held_out= and metrics.images= say how many are scored)"
        )
    nearest = torch.full((len(x), k), torch.inf, dtype=torch.float64, device=x.device)
    for tile in pairs_within(x):
        distances = squared_distances(tile.x, tile.y)
        if tile.rows == tile.columns:
            distances.fill_diagonal_(torch.inf)
        else:
            _keep_nearest(nearest[tile.columns], distances.T)
        _keep_nearest(nearest[tile.rows], distances)
    return nearest[:, -1].clamp_min(0)


def _keep_nearest(nearest: Tensor, distances: Tensor) -> None:
    """The k smallest (N, k) so far, ascending, and M more distances (N, M); most rows gain nothing from them."""
    closer = distances.amin(1) < nearest[:, -1]
    candidates = torch.cat([nearest[closer], distances[closer]], 1)
    nearest[closer] = candidates.topk(nearest.shape[1], largest=False).values


def precision_recall(real: Tensor, fake: Tensor, k: int = 3, real_radii: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """The share of fakes inside the k-neighbour balls of the reals, and of reals inside those of the fakes."""
    real_radii, fake_radii = radii(real, k) if real_radii is None else real_radii, radii(fake, k)
    good_fakes = torch.zeros(len(fake), dtype=torch.bool, device=fake.device)
    good_reals = torch.zeros(len(real), dtype=torch.bool, device=real.device)
    for rows, columns, x, y in pairs(real, fake):
        distances = squared_distances(x, y)
        good_fakes[columns] |= (distances - (real_radii[rows] + rims(x))[:, None]).amin(0) <= 0
        good_reals[rows] |= distances.sub_(fake_radii[columns] + rims(y)).amin(1) <= 0
    return good_fakes.double().mean(), good_reals.double().mean()


def density_coverage(real: Tensor, fake: Tensor, k: int = 5, real_radii: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """How many real balls a fake lies in, over k; and the share of real balls that hold a fake (equations 4 and 5)."""
    real_radii = radii(real, k) if real_radii is None else real_radii
    inside = torch.zeros(len(real), dtype=torch.long, device=real.device)
    for rows, _, x, y in pairs(real, fake):
        inside[rows] += (squared_distances(x, y) <= (real_radii[rows] + rims(x))[:, None]).sum(1)
    return inside.sum().double() / (k * len(fake)), (inside > 0).double().mean()


class NeighbourMetric(FeatureMetric):
    """A score from k nearest neighbours; those of the real features are looked for once."""

    def __init__(self, real: Features, k: int) -> None:
        super().__init__(real)
        self.k = k

    @cached_property
    def real_radii(self) -> Tensor:
        return radii(self.real.features, self.k)


class PrecisionRecall(NeighbourMetric):
    def __init__(self, real: Features, k: int = 3) -> None:
        super().__init__(real, k)

    def compute(self) -> dict[str, Tensor]:
        precision, recall = precision_recall(self.real.features, self.fake_features, self.k, self.real_radii)
        return {"precision": precision, "recall": recall}


class DensityCoverage(NeighbourMetric):
    def __init__(self, real: Features, k: int = 5) -> None:
        super().__init__(real, k)

    def compute(self) -> dict[str, Tensor]:
        density, coverage = density_coverage(self.real.features, self.fake_features, self.k, self.real_radii)
        return {"density": density, "coverage": coverage}
