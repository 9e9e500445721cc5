"""What an evaluation costs, part by part, against the libraries that others use for it.

usage: OMP_NUM_THREADS=1 python benchmarks/metrics.py [--repeats 3] [--images 100] [--large] [--json FILE]

  features   images per second: our classifier and our Inception against torch-fidelity's Inception in its batches of 64
  fid        the distance between moments with D = 2048: ours, torchmetrics', torch-fidelity's and SciPy's matrix root
  scores     FID, KID, precision/recall, density/coverage from features: seconds and peak memory, each in a process of
             its own, for 10,000 and 50,000 features with D = 64 and 10,000 with D = 2048; `--large` adds 50,000 with
             D = 2048, which takes half an hour. torch-fidelity's precision/recall for 10,000 stands beside ours.
  total      50,000 fakes against 50,000 reals, both passed through the extractor. What was not measured at that size
             says that it is extrapolated: features and FID by the count, scores of pairs by its square.

Everything is done in turn, A B C A B C, and a ratio is taken within its repeat, so that a noisy machine cancels out;
shown are medians. Weights are random, in the format of the real ones.
"""

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import scipy.linalg
import torch
from torch import Tensor
from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3
from torch_fidelity.metric_fid import fid_statistics_to_metric
from torch_fidelity.metric_prc import prc_features_to_metric
from torchmetrics.image.fid import _compute_fid

from ganforge.metrics.classifier import ClassifierExtractor
from ganforge.metrics.features import Features
from ganforge.metrics.frechet import FrechetDistance, frechet_distance, moments
from ganforge.metrics.inception import InceptionExtractor
from ganforge.metrics.kernel import KernelDistance
from ganforge.metrics.neighbours import DensityCoverage, PrecisionRecall
from ganforge.metrics.small_network import folded, new_network

SCORES = {"fid": FrechetDistance, "kid": KernelDistance, "pr": PrecisionRecall, "dc": DensityCoverage}
RIVAL = "pr (torch-fidelity)"
DIMENSIONS = {"classifier": 64, "inception": 2048}
EVALUATION = 50_000


def seconds(function: Callable[[], object]) -> float:
    begin = time.perf_counter()
    function()
    return time.perf_counter() - begin


def interleaved(functions: dict[str, Callable[[], object]], repeats: int) -> dict[str, list[float]]:
    """The seconds of each function in each repeat, in turn."""
    times: dict[str, list[float]] = {name: [] for name in functions}
    for _ in range(repeats):
        for name, function in functions.items():
            times[name].append(seconds(function))
    return times


def rows(part: str, times: dict[str, list[float]], ours: str, **more: Any) -> list[dict[str, Any]]:
    """A row for each name: median seconds, and how many times as long as ours it took."""
    return [
        {
            "part": part,
            "name": name,
            "seconds": statistics.median(values),
            "times_ours": statistics.median(its / mine for its, mine in zip(values, times[ours], strict=True)),
            **more,
        }
        for name, values in times.items()
    ]


def random_inception(path: Path) -> None:
    """Random weights in the format of the standard ones."""
    captured: dict[str, Tensor] = {}

    def capture(network: FeatureExtractorInceptionV3, _: object) -> None:
        captured.update(network.state_dict())

    module = "torch_fidelity.feature_extractor_inceptionv3"
    with patch.object(FeatureExtractorInceptionV3, "load_state_dict", capture), patch(f"{module}.torch.load"):
        FeatureExtractorInceptionV3("random", ["2048"], "unused")
    torch.save(captured, path)


def features(images: int, repeats: int) -> list[dict[str, Any]]:
    pictures = torch.randint(0, 256, (images, 3, 32, 32), dtype=torch.uint8)
    classifier, inception = ClassifierExtractor(), None
    classifier.network = folded(new_network(pictures, 10).eval())
    with tempfile.TemporaryDirectory() as home:
        path = Path(home) / "random.pth"
        random_inception(path)
        inception = InceptionExtractor(str(path))
        inception.prepare(None, None, None)  # type: ignore[arg-type]
        theirs = FeatureExtractorInceptionV3("reference", ["2048", "logits_unbiased"], str(path))

    def reference() -> None:
        with torch.no_grad():
            for block in pictures.split(64):
                theirs(block)

    functions = {
        "inception": lambda: inception(pictures),
        "inception (torch-fidelity)": reference,
        "classifier": lambda: classifier(pictures),
    }
    for function in functions.values():
        function()
    found = rows("features", interleaved(functions, repeats), "inception")
    return [row | {"images_per_second": images / row["seconds"]} for row in found]


def fid(repeats: int) -> list[dict[str, Any]]:
    real, fake = (moments(torch.randn(5000, 2048) * scale) for scale in (1.0, 1.1))
    statistics_ = [{"mu": mean.numpy(), "sigma": covariance.numpy()} for mean, covariance in (real, fake)]
    functions = {
        "ours": lambda: frechet_distance(*real, *fake),
        "torchmetrics": lambda: _compute_fid(*real, *fake),
        "torch-fidelity": lambda: fid_statistics_to_metric(*statistics_, verbose=False),
        "scipy sqrtm": lambda: np.trace(scipy.linalg.sqrtm((real[1] @ fake[1]).numpy()).real),
    }
    return rows("fid", interleaved(functions, repeats), "ours")


def peak_bytes() -> int:
    """This process's own peak; on Linux getrusage counts that of its parent, too."""
    status = Path("/proc/self/status")
    if status.exists():
        return int(status.read_text().partition("VmHWM:")[2].split()[0]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def measure(score: str, count: int, dimension: int) -> None:
    """Print seconds and peak memory of one score; this runs in a process of its own."""
    torch.manual_seed(0)
    real, fake = torch.randn(count, dimension), torch.randn(count, dimension).mul_(1.1)

    def ours() -> None:
        metric = SCORES[score](Features(real, real))
        metric.update(fake)
        metric.compute()

    def theirs() -> None:
        prc_features_to_metric(fake.double(), real.double(), prc_neighborhood=3, verbose=False)

    took = seconds(theirs if score == RIVAL else ours)
    print(json.dumps({"seconds": took, "peak_bytes": peak_bytes()}))


def measured(score: str, count: int, dimension: int) -> dict[str, float]:
    command = [sys.executable, __file__, "--only", score, str(count), str(dimension)]
    return json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def scores(count: int, dimension: int, repeats: int) -> list[dict[str, Any]]:
    names = [*SCORES, RIVAL] if count <= 10_000 else [*SCORES]
    runs: dict[str, list[dict[str, float]]] = {name: [] for name in names}
    for _ in range(repeats):
        for name in names:
            runs[name].append(measured(name, count, dimension))
    times = {name: [run["seconds"] for run in its] for name, its in runs.items()}
    found = rows(f"{count:,} x {dimension}", times, "pr", count=count, dimension=dimension)
    return [row | {"peak_bytes": max(run["peak_bytes"] for run in runs[row["name"]])} for row in found]


def total(results: list[dict[str, Any]], extractor: str) -> list[dict[str, Any]]:
    """The parts of an evaluation, from what was measured."""
    rate = next(row["images_per_second"] for row in results if (row["part"], row["name"]) == ("features", extractor))
    parts = [("features", 2 * EVALUATION / rate, True)]
    for score in SCORES:
        sizes = [row for row in results if row["name"] == score and row.get("dimension") == DIMENSIONS[extractor]]
        largest = max(sizes, key=lambda row: row["count"])
        factor = EVALUATION / largest["count"]
        parts.append((score, largest["seconds"] * factor ** (1 if score == "fid" else 2), factor != 1))
    return [
        {"part": f"total, {extractor}", "name": name, "seconds": took, "extrapolated": guess}
        for name, took, guess in parts
    ]


def show(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    for row in found:
        columns = [f"{row['part']:18} {row['name']:28} {row['seconds']:10.3f} s"]
        columns += [f"{row['times_ours']:8.2f} x"] if "times_ours" in row else []
        columns += [f"{row['images_per_second']:10,.1f} images/s"] if "images_per_second" in row else []
        columns += [f"{row['peak_bytes'] / 2**20:8,.0f} MiB"] if "peak_bytes" in row else []
        columns += ["extrapolated"] if row.get("extrapolated") else []
        print("  ".join(columns), flush=True)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--images", type=int, default=100)
    parser.add_argument("--large", action="store_true")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--only", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.only:
        return measure(options.only[0], int(options.only[1]), int(options.only[2]))
    print(f"{torch.get_num_threads()} threads; x: multiples of our time (Inception for features, pr for scores)")
    results = show(features(options.images, options.repeats)) + show(fid(options.repeats))
    sizes = [(10_000, 64, options.repeats), (10_000, 2048, 1), (EVALUATION, 64, 1)]
    for size in sizes + [(EVALUATION, 2048, 1)] * options.large:
        results += show(scores(*size))
    for extractor in DIMENSIONS:
        results += show(total(results, extractor))
    if options.json:
        options.json.write_text(json.dumps(results, indent=2) + "\n")
    return None


if __name__ == "__main__":
    main()
