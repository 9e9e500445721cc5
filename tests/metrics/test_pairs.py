"""Scores of all pairs, tile by tile, against the matrices that they never build."""

import os
import subprocess
import sys

import pytest
import torch
from torch import Tensor

from ganforge.metrics import neighbours, pairs
from ganforge.metrics.features import Features
from ganforge.metrics.kernel import KernelDistance, kernel_distance
from ganforge.metrics.neighbours import (
    DensityCoverage,
    PrecisionRecall,
    density_coverage,
    precision_recall,
    radii,
    squared_distances,
)

TILE = 16
SIZES = [2, TILE - 1, TILE, TILE + 1, 2 * TILE, 3 * TILE + 5]


@pytest.fixture(autouse=True)
def small_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pairs, "TILE", TILE)


def dense_distances(x: Tensor, y: Tensor) -> Tensor:
    return (x.double()[:, None] - y.double()).square().sum(2)


def dense_radii(x: Tensor, k: int) -> Tensor:
    return dense_distances(x, x).fill_diagonal_(torch.inf).kthvalue(k, dim=1).values


def dense_scores(real: Tensor, fake: Tensor, k: int) -> list[float]:
    """Precision, recall, density, coverage."""
    distances = dense_distances(real, fake)
    in_real, in_fake = distances <= dense_radii(real, k)[:, None], distances <= dense_radii(fake, k)
    scores = (in_real.any(0), in_fake.any(1), in_real.sum(0).double() / k, in_real.any(1))
    return [score.double().mean().item() for score in scores]


def dense_kernel_distance(real: Tensor, fake: Tensor) -> Tensor:
    def kernel(x: Tensor, y: Tensor) -> Tensor:
        return (x.double() @ y.double().T / x.shape[1] + 1) ** 3

    def within(x: Tensor) -> Tensor:
        return (kernel(x, x).sum() - kernel(x, x).trace()) / (len(x) * (len(x) - 1))

    return within(real) + within(fake) - 2 * kernel(real, fake).mean()


@pytest.mark.parametrize("reals", SIZES)
@pytest.mark.parametrize("fakes", SIZES)
def test_scores_are_those_of_whole_matrices(reals: int, fakes: int) -> None:
    real, fake = torch.randn(reals, 6), torch.randn(fakes, 6) + 0.3
    for k in {1, min(reals, fakes, 5) - 1 or 1, min(reals, fakes) - 1}:
        ours = [score.item() for score in (*precision_recall(real, fake, k), *density_coverage(real, fake, k))]
        assert ours == pytest.approx(dense_scores(real, fake, k), rel=1e-6)
    torch.testing.assert_close(kernel_distance(real, fake), dense_kernel_distance(real, fake), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("count", SIZES)
def test_parts_are_as_few_as_tiles_allow_and_nearly_equal(count: int) -> None:
    sizes = [len(range(count)[part]) for part in pairs.parts(count)]
    assert sum(sizes) == count and max(sizes) <= TILE
    assert len(sizes) == -(-count // TILE)
    assert max(sizes) - min(sizes) < len(sizes)


@pytest.mark.parametrize("count", SIZES)
def test_radii_are_exact_for_every_neighbour(count: int) -> None:
    points = torch.randn(count, 6)
    for k in range(1, count):
        torch.testing.assert_close(radii(points, k), dense_radii(points, k), rtol=1e-12, atol=1e-12)


def test_points_on_the_rim_and_duplicates_count_as_inside() -> None:
    """Whole numbers, whose distances are exact: many are equal, and many points appear twice."""
    real = torch.randint(0, 3, (50, 4)).float()
    fake = torch.cat([real[:20], torch.randint(0, 3, (17, 4)).float()])
    for k in (1, 3, 20):
        assert torch.equal(radii(real, k), dense_radii(real, k))
        ours = [score.item() for score in (*precision_recall(real, fake, k), *density_coverage(real, fake, k))]
        assert ours == pytest.approx(dense_scores(real, fake, k), rel=1e-12)


def test_a_set_has_full_precision_and_recall_against_itself() -> None:
    points = torch.randn(50, 6)
    assert [score.item() for score in precision_recall(points, points)] == [1, 1]
    assert density_coverage(points, points)[1] == 1


def test_fakes_that_repeat_the_neighbours_lie_on_the_rims(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each ball holds its centre and k neighbours, the last of them exactly on the rim, however it rounds."""

    def rounded_by_place(x: Tensor, y: Tensor) -> Tensor:
        distances = squared_distances(x, y)
        return distances * (1 + 1e-15 * torch.randint(-9, 10, distances.shape))

    monkeypatch.setattr(pairs, "TILE", 384)
    monkeypatch.setattr(neighbours, "squared_distances", rounded_by_place)
    real, k = torch.randn(500, 300), 5
    density, coverage = density_coverage(real, real[torch.randperm(500)], k)
    assert density.item() == pytest.approx((k + 1) / k, rel=1e-12)
    assert coverage == 1


@pytest.mark.parametrize("k", [0, 20])
def test_a_neighbour_that_does_not_exist_is_refused(k: int) -> None:
    with pytest.raises(ValueError, match=f"k={k} should be the number of a neighbour: 1 to 19 among 20 images"):
        radii(torch.randn(20, 3), k)


@pytest.mark.parametrize("twin", [PrecisionRecall, DensityCoverage, KernelDistance])
def test_what_only_the_real_images_say_is_computed_once(twin: type, monkeypatch: pytest.MonkeyPatch) -> None:
    metric = twin(Features(torch.randn(40, 6), torch.randn(40, 3)))
    sizes: list[int] = []
    original = pairs.pairs_within

    def counted(x: Tensor) -> object:
        sizes.append(len(x))
        return original(x)

    monkeypatch.setattr("ganforge.metrics.neighbours.pairs_within", counted)
    monkeypatch.setattr("ganforge.metrics.kernel.pairs_within", counted)
    for _ in range(3):
        metric.reset()
        metric.update(torch.randn(30, 6))
        metric.compute()
    assert sizes.count(40) == 1


PEAK_KIB = """
import re, sys, torch
from pathlib import Path
from ganforge.metrics.features import Features
from ganforge.metrics.kernel import KernelDistance
from ganforge.metrics.neighbours import DensityCoverage, PrecisionRecall
torch.set_num_threads(1)
features = torch.randn(50_000, 64)
scores = {"pr": PrecisionRecall, "dc": DensityCoverage, "kid": KernelDistance}
metric = scores[sys.argv[1]](Features(features, features))
metric.update(torch.randn(50_000, 64))
metric.compute()
print(re.search(r"VmHWM:\\s*(\\d+)", Path("/proc/self/status").read_text())[1])
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process's own peak, without its parent's")
@pytest.mark.parametrize("score", ["pr", "dc", "kid"])
def test_fifty_thousand_images_fit_two_gigabytes(score: str) -> None:
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    finished = subprocess.run(
        [sys.executable, "-c", PEAK_KIB, score], capture_output=True, text=True, check=True, env=environment
    )
    assert int(finished.stdout) < 2 * 2**20
