"""Kernel distance (KID; Binkowski et al. 2018): the squared maximum mean discrepancy of features."""

from functools import cached_property

import torch
from torch import Tensor

from ganforge.metrics.features import FeatureMetric
from ganforge.metrics.pairs import pairs, pairs_within


def kernel(x: Tensor, y: Tensor) -> Tensor:
    """k(x_i, y_j) = (x_i.y_j / D + 1)^3, of shape (N, M)."""
    return (x @ y.T).div_(x.shape[1]).add_(1).pow_(3)


def kernel_mean(x: Tensor, y: Tensor) -> Tensor:
    """The mean of k(x_i, y_j) over all pairs."""
    total = torch.zeros((), dtype=torch.float64, device=x.device)
    for tile in pairs(x, y):
        total += kernel(tile.x, tile.y).sum()
    return total / (len(x) * len(y))


def kernel_mean_within(x: Tensor) -> Tensor:
    """The mean of k(x_i, x_j) over all pairs of i and another j."""
    total = torch.zeros((), dtype=torch.float64, device=x.device)
    for tile in pairs_within(x):
        values = kernel(tile.x, tile.y)
        total += values.sum() - values.trace() if tile.rows == tile.columns else 2 * values.sum()
    return total / (len(x) * (len(x) - 1))


def kernel_distance(real: Tensor, fake: Tensor, within_real: Tensor | None = None) -> Tensor:
    """The unbiased estimate of MMD^2 (equation 4) from all pairs of real (N, D) and fake (M, D), in float64.

    Averages over random subsets, as usually reported, estimate the same number with more noise.
    """
    within_real = kernel_mean_within(real) if within_real is None else within_real
    return within_real + kernel_mean_within(fake) - 2 * kernel_mean(real, fake)


class KernelDistance(FeatureMetric):
    @cached_property
    def within_real(self) -> Tensor:
        return kernel_mean_within(self.real.features)

    def compute(self) -> Tensor:
        return kernel_distance(self.real.features, self.fake_features, self.within_real)
