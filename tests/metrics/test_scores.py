"""Every score against a library that others use, or against NumPy and SciPy in float64."""

import itertools
import math

import numpy as np
import pytest
import scipy.linalg
import torch
from sklearn.neighbors import NearestNeighbors
from torch import Tensor
from torch_fidelity.metric_fid import fid_features_to_statistics, fid_statistics_to_metric
from torch_fidelity.metric_isc import isc_features_to_metric
from torch_fidelity.metric_kid import kid_features_to_metric
from torch_fidelity.metric_prc import prc_features_to_metric
from torchmetrics import MetricCollection
from torchmetrics.image.fid import FrechetInceptionDistance
from torchmetrics.image.inception import InceptionScore

from ganforge.metrics.classes import ClassCoverage, class_coverage, code_accuracy, of_class
from ganforge.metrics.features import Features, GivenFeatures
from ganforge.metrics.frechet import FrechetDistance, frechet_distance, moments
from ganforge.metrics.inception_score import ClassifierScore, inception_score
from ganforge.metrics.kernel import KernelDistance, kernel_distance
from ganforge.metrics.mixture import PointsExtractor, mode_coverage
from ganforge.metrics.neighbours import DensityCoverage, PrecisionRecall, density_coverage, precision_recall

SEEDED = torch.Generator().manual_seed(0)
REAL = torch.randn(700, 24, generator=SEEDED)
FAKE = torch.randn(500, 24, generator=SEEDED) * 1.2 + 0.3
REAL_LOGITS = torch.randn(700, 10, generator=SEEDED) * 2
FAKE_LOGITS = torch.randn(500, 10, generator=SEEDED) * 3
QUIET = {"verbose": False}


def scipy_frechet(real: Tensor, fake: Tensor) -> float:
    x, y = real.double().numpy(), fake.double().numpy()
    root = scipy.linalg.sqrtm(np.cov(x.T) @ np.cov(y.T))
    return float(((x.mean(0) - y.mean(0)) ** 2).sum() + np.trace(np.cov(x.T) + np.cov(y.T) - 2 * root.real))


def test_frechet_distance_against_scipy_torch_fidelity_and_torchmetrics() -> None:
    ours = frechet_distance(*moments(REAL), *moments(FAKE)).item()
    assert ours == pytest.approx(scipy_frechet(REAL, FAKE), rel=1e-6)
    statistics = [fid_features_to_statistics(features.double()) for features in (REAL, FAKE)]
    reference = fid_statistics_to_metric(*statistics, verbose=False)["frechet_inception_distance"]
    assert ours == pytest.approx(reference, rel=1e-6)
    metric = FrechetInceptionDistance(feature=GivenFeatures(24))
    metric.update(REAL.double(), real=True)
    metric.update(FAKE.double(), real=False)
    assert ours == pytest.approx(metric.compute().item(), rel=1e-6)


def test_frechet_distance_of_gaussians_in_closed_form() -> None:
    """Diagonal covariances commute: |m1 - m2|^2 + sum (s1 - s2)^2."""
    mean, deviation = torch.tensor([1.0, -2.0]).double(), torch.tensor([0.5, 3.0]).double()
    zero, one = torch.zeros(2).double(), torch.ones(2).double()
    expected = (mean.square() + (deviation - one).square()).sum().item()
    actual = frechet_distance(mean, deviation.square().diag(), zero, one.diag()).item()
    assert actual == pytest.approx(expected, rel=1e-12)


def test_frechet_distance_survives_fewer_images_than_features() -> None:
    few_real, few_fake = REAL[:15], FAKE[:12]
    ours = frechet_distance(*moments(few_real), *moments(few_fake)).item()
    assert ours == pytest.approx(scipy_frechet(few_real, few_fake), rel=1e-6)


@pytest.mark.slow
def test_frechet_distance_in_2048_dimensions() -> None:
    real, fake = torch.randn(3000, 2048), torch.randn(3000, 2048) * 1.1
    ours = frechet_distance(*moments(real), *moments(fake)).item()
    assert ours == pytest.approx(scipy_frechet(real, fake), rel=1e-6)


@pytest.mark.slow
def test_frechet_distance_in_2048_dimensions_of_fewer_images() -> None:
    """With C1 = X^T X and C2 = Y^T Y the trace of (C1 C2)^(1/2) is the sum of the singular values of X Y^T."""
    real, fake = torch.randn(500, 2048).double(), torch.randn(500, 2048).double() * 1.1
    x, y = ((features - features.mean(0)).numpy() / math.sqrt(499) for features in (real, fake))
    cross = np.linalg.svd(x @ y.T, compute_uv=False).sum()
    means = (real.mean(0) - fake.mean(0)).square().sum().item()
    expected = means + np.square(x).sum() + np.square(y).sum() - 2 * cross
    assert frechet_distance(*moments(real), *moments(fake)).item() == pytest.approx(expected, rel=1e-6)


def test_moments_in_blocks_are_numpys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ganforge.metrics.frechet.BLOCK", 64)
    mean, covariance = moments(REAL)
    np.testing.assert_allclose(mean, REAL.double().numpy().mean(0), rtol=1e-12)
    np.testing.assert_allclose(covariance, np.cov(REAL.double().numpy().T), rtol=1e-12, atol=1e-15)


def test_kernel_distance_against_torch_fidelity_on_one_full_subset() -> None:
    reference = kid_features_to_metric(REAL[:500].double(), FAKE.double(), kid_subsets=1, kid_subset_size=500, **QUIET)[
        "kernel_inception_distance_mean"
    ]
    assert kernel_distance(REAL[:500], FAKE).item() == pytest.approx(reference, rel=1e-6)


def test_kernel_distance_against_numpy_with_unequal_counts() -> None:
    x, y = REAL.double().numpy(), FAKE.double().numpy()
    kernel = lambda a, b: (a @ b.T / 24 + 1) ** 3  # noqa: E731
    xx, yy = kernel(x, x), kernel(y, y)
    expected = (
        (xx.sum() - np.trace(xx)) / (700 * 699) + (yy.sum() - np.trace(yy)) / (500 * 499) - 2 * kernel(x, y).mean()
    )
    assert kernel_distance(REAL, FAKE).item() == pytest.approx(expected, rel=1e-6)


def test_inception_score_against_torch_fidelity_and_torchmetrics() -> None:
    ours = inception_score(FAKE_LOGITS).item()
    reference = isc_features_to_metric(FAKE_LOGITS.double(), splits=1, shuffle=False)["inception_score_mean"]
    assert ours == pytest.approx(reference, rel=1e-6)
    metric = InceptionScore(feature=GivenFeatures(10), splits=1)
    metric.update(FAKE_LOGITS.double())
    assert ours == pytest.approx(metric.compute()[0].item(), rel=1e-6)


def test_inception_score_is_the_number_of_classes_at_best_and_one_at_worst() -> None:
    certain = torch.eye(10).repeat(5, 1) * 1000
    assert inception_score(certain).item() == pytest.approx(10)
    assert inception_score(torch.zeros(50, 10)).item() == pytest.approx(1)


def balls(centres: Tensor, k: int) -> np.ndarray:
    return NearestNeighbors(n_neighbors=k + 1).fit(centres.double().numpy()).kneighbors()[0][:, k - 1]


def test_precision_recall_against_torch_fidelity_and_scikit_learn() -> None:
    ours = [value.item() for value in precision_recall(REAL, FAKE, k=3)]
    reference = prc_features_to_metric(FAKE.double(), REAL.double(), prc_neighborhood=3, **QUIET)
    assert ours == pytest.approx([reference["precision"], reference["recall"]], rel=1e-6)
    distances = torch.cdist(FAKE.double(), REAL.double(), compute_mode="donot_use_mm_for_euclid_dist").numpy()
    assert ours[0] == pytest.approx((distances <= balls(REAL, 3)).any(1).mean())
    assert ours[1] == pytest.approx((balls(FAKE, 3) >= distances.T).any(1).mean())


def test_density_coverage_against_scikit_learn() -> None:
    density, coverage = density_coverage(REAL, FAKE, k=5)
    distances = torch.cdist(FAKE.double(), REAL.double(), compute_mode="donot_use_mm_for_euclid_dist").numpy()
    inside = distances <= balls(REAL, 5)
    assert density.item() == pytest.approx(inside.sum(1).mean() / 5)
    assert coverage.item() == pytest.approx(inside.any(0).mean())


def test_class_coverage_by_hand() -> None:
    real = torch.eye(4)
    fake = torch.eye(4)[[0, 0, 0, 1]]
    scores = {name: value.item() for name, value in class_coverage(real, fake).items()}
    entropy = -(0.75 * np.log(0.75) + 0.25 * np.log(0.25))
    assert scores == pytest.approx(
        {"classes": 2, "rarest_class": 0, "class_entropy": entropy, "class_distance": 0.5}, rel=1e-6
    )


def test_points_are_their_own_features() -> None:
    points = torch.randn(5, 2)
    assert all(torch.equal(part, points) for part in PointsExtractor()(points.double()[:, :, None, None]))


def test_mode_coverage_by_hand() -> None:
    modes = torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    points = torch.tensor([[0.02, 0.0], [0.0, 0.029], [1.0, 0.031], [0.5, 0.5]])
    covered, share = mode_coverage(points, modes, sigma=0.01)
    assert (covered.item(), share.item()) == (1, 0.5)


TWINS = {
    "fid": (FrechetDistance, lambda: frechet_distance(*moments(REAL), *moments(FAKE))),
    "kid": (KernelDistance, lambda: kernel_distance(REAL, FAKE)),
    "is": (ClassifierScore, lambda: inception_score(FAKE_LOGITS)),
    "pr": (
        PrecisionRecall,
        lambda: dict(zip(("precision", "recall"), precision_recall(REAL, FAKE), strict=True)),
    ),
    "dc": (
        DensityCoverage,
        lambda: dict(zip(("density", "coverage"), density_coverage(REAL, FAKE), strict=True)),
    ),
    "classes": (ClassCoverage, lambda: class_coverage(REAL_LOGITS, FAKE_LOGITS)),
}


def test_twins_agree_with_their_functions_over_batches_and_after_reset() -> None:
    real = Features(REAL, REAL_LOGITS)
    collection = MetricCollection({name: twin(real) for name, (twin, _) in TWINS.items()})
    for _ in range(2):
        collection.reset()
        for features, logits in zip(FAKE.split(120), FAKE_LOGITS.split(120), strict=True):
            collection.update(features=features, logits=logits)
        scores = collection.compute()
        for name, (_, function) in TWINS.items():
            expected = function()
            expected = expected if isinstance(expected, dict) else {name: expected}
            for key, value in expected.items():
                assert scores[key].item() == pytest.approx(value.item(), rel=1e-6), key


def test_codes_are_matched_with_classes_one_to_one() -> None:
    """Against every assignment, counted by hand."""
    codes, seen = torch.randint(4, (50,)), torch.randint(3, (50,))
    logits = torch.nn.functional.one_hot(seen, 3).float()
    best = max(
        sum(int(chosen[code]) == of for code, of in zip(codes.tolist(), seen.tolist(), strict=True))
        for chosen in itertools.permutations([0, 1, 2, -1])
    )
    assert code_accuracy(logits, codes) == pytest.approx(best / 50)
    assert of_class(logits, seen).tolist() == [1] * 50
    assert of_class(logits, (seen + 1) % 3).tolist() == [0] * 50
