"""Fréchet distance between Gaussians fitted to features (Heusel et al. 2017, equation 6), in float64."""

import torch
from torch import Tensor
from torchmetrics.image.fid import FrechetInceptionDistance

from ganforge.metrics.features import Features, GivenFeatures


def moments(features: Tensor) -> tuple[Tensor, Tensor]:
    """Mean (D,) and unbiased covariance (D, D) of features (N, D)."""
    features = features.double()
    return features.mean(0), features.T.cov()


def frechet_distance(mean1: Tensor, cov1: Tensor, mean2: Tensor, cov2: Tensor) -> Tensor:
    """|m1 - m2|^2 + tr(C1 + C2 - 2 (C1 C2)^(1/2)).

    The trace of the root is the sum of the root eigenvalues of C1^(1/2) C2 C1^(1/2), which is symmetric: two
    symmetric eigendecompositions instead of a general matrix root.
    """
    values, vectors = torch.linalg.eigh(cov1)
    root = vectors * values.clamp_min(0).sqrt() @ vectors.T
    cross = torch.linalg.eigvalsh(root @ cov2 @ root).clamp_min(0).sqrt().sum()
    return (mean1 - mean2).square().sum() + cov1.trace() + cov2.trace() - 2 * cross


class FrechetDistance(FrechetInceptionDistance):
    """torchmetrics' FID over features that were computed once, against a fixed set of real ones."""

    def __init__(self, real: Features) -> None:
        super().__init__(feature=GivenFeatures(real.features.shape[1]), reset_real_features=False)
        super().update(real.features, real=True)

    def update(self, features: Tensor) -> None:  # type: ignore[override]
        super().update(features, real=False)

    def compute(self) -> Tensor:
        real = _sums_to_moments(self.real_features_sum, self.real_features_cov_sum, self.real_features_num_samples)
        fake = _sums_to_moments(self.fake_features_sum, self.fake_features_cov_sum, self.fake_features_num_samples)
        return frechet_distance(*real, *fake)


def _sums_to_moments(total: Tensor, outer: Tensor, count: Tensor) -> tuple[Tensor, Tensor]:
    mean = total / count
    return mean, (outer - count * torch.outer(mean, mean)) / (count - 1)
