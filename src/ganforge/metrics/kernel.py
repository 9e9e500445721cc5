"""Kernel distance (KID; Binkowski et al. 2018): the squared maximum mean discrepancy of features."""

import torch
from torch import Tensor

from ganforge.metrics.features import FeatureMetric

BLOCK = 2048


def kernel_sum(x: Tensor, y: Tensor) -> Tensor:
    """Sum of k(x_i, y_j) over all pairs, k(a, b) = (a.b / D + 1)^3, in blocks of rows."""
    return torch.stack([(rows @ y.T / x.shape[1] + 1).pow(3).sum() for rows in x.split(BLOCK)]).sum()


def kernel_distance(real: Tensor, fake: Tensor) -> Tensor:
    """The unbiased estimate of MMD^2 (equation 4) from all pairs of real (N, D) and fake (M, D), in float64.

    Averages over random subsets, as usually reported, estimate the same number with more noise.
    """
    real, fake = real.double(), fake.double()

    def within(x: Tensor) -> Tensor:
        diagonal = (x.square().sum(1) / x.shape[1] + 1).pow(3).sum()
        return (kernel_sum(x, x) - diagonal) / (len(x) * (len(x) - 1))

    return within(real) + within(fake) - 2 * kernel_sum(real, fake) / (len(real) * len(fake))


class KernelDistance(FeatureMetric):
    def compute(self) -> Tensor:
        return kernel_distance(self.real.features, self.fake_features)
