"""Fréchet distance between Gaussians fitted to features (Heusel et al. 2017, equation 6), in float64."""

import torch
from torch import Tensor
from torchmetrics.image.fid import FrechetInceptionDistance

from ganforge.metrics.features import Features, GivenFeatures

BLOCK = 2048


def moments(features: Tensor) -> tuple[Tensor, Tensor]:
    """Mean (D,) and unbiased covariance (D, D) of features (N, D), in blocks of rows."""
    blocks = features.split(BLOCK)
    mean = torch.stack([block.double().sum(0) for block in blocks]).sum(0) / len(features)
    scatter = mean.new_zeros(len(mean), len(mean))
    for block in blocks:
        centred = block - mean
        scatter.addmm_(centred.T, centred)
    return mean, scatter / (len(features) - 1)


def factor(covariance: Tensor) -> Tensor:
    """A matrix B with B B^T = C: Cholesky's, or a spectral one where C is singular (fewer images than features)."""
    triangular, failed = torch.linalg.cholesky_ex(covariance)
    if not failed:
        return triangular
    values, vectors = torch.linalg.eigh(covariance)
    return vectors * values.clamp_min(0).sqrt()


def frechet_distance(mean1: Tensor, cov1: Tensor, mean2: Tensor, cov2: Tensor) -> Tensor:
    """|m1 - m2|^2 + tr(C1 + C2 - 2 (C1 C2)^(1/2)).

    With C1 = B B^T the eigenvalues of C1 C2 are those of B^T C2 B, which is symmetric: one symmetric eigenvalue
    problem instead of a general matrix root.
    """
    root = factor(cov1)
    cross = torch.linalg.eigvalsh(root.T @ cov2 @ root).clamp_min(0).sqrt().sum()
    return (mean1 - mean2).square().sum() + cov1.trace() + cov2.trace() - 2 * cross


class FrechetDistance(FrechetInceptionDistance):
    """torchmetrics' FID over features that were computed once, against a fixed set of real ones."""

    def __init__(self, real: Features) -> None:
        super().__init__(feature=GivenFeatures(real.features.shape[1]), reset_real_features=False)
        self._add(real.features, real=True)

    def update(self, features: Tensor) -> None:  # type: ignore[override]
        self._add(features, real=False)

    def _add(self, features: Tensor, real: bool) -> None:
        for block in features.split(BLOCK):
            super().update(block, real=real)

    def compute(self) -> Tensor:
        real = _sums_to_moments(self.real_features_sum, self.real_features_cov_sum, self.real_features_num_samples)
        fake = _sums_to_moments(self.fake_features_sum, self.fake_features_cov_sum, self.fake_features_num_samples)
        return frechet_distance(*real, *fake)


def _sums_to_moments(total: Tensor, outer: Tensor, count: Tensor) -> tuple[Tensor, Tensor]:
    mean = total / count
    return mean, (outer - count * torch.outer(mean, mean)) / (count - 1)
