"""What is to be known when a GPU is at hand for 25 minutes: one command, a line of JSON for each fact as it is found.

usage: python benchmarks/gpu.py [PART ...] [--json gpu.jsonl] [--words "trainer=gpu"] [--data "data=cifar10"]

  throughput   of each published network, in float32 and bf16, compiled or not: images/s, peak MiB, the busy share, and
               how many CUDA graphs were not made; as many as twelve minutes allow
  processes    the same game by nccl with one process
  training     `--minutes` of experiment=sngan_cifar10, or of another `--recipe`, with its scores

Parts run in this order, each measurement in a process of its own with a time limit; one that fails or takes too long is
a line that says so. Without a GPU, `--words trainer=cpu --seconds 1` tries the command itself.
"""

import argparse
import importlib.metadata
import itertools
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from loops import ROOT, apart, paced

NETWORKS = {
    "dcgan": "model=dcgan model.generator.width=64 loss=r1",
    "sngan": "experiment=sngan_cifar10",
    "sagan": "experiment=sagan_cifar10",
    "biggan": "experiment=biggan_cifar10",
    "progan": "experiment=progan_cifar10 system=gan",
    "stylegan2": "experiment=stylegan2_ada_cifar10",
    "r3gan": "experiment=r3gan_cifar10 data.batch_size=64",
}
PRECISIONS = {"float32": "trainer.precision=32-true", "bf16": "trainer.precision=bf16-mixed"}
COMPILED = {"eager": "", "compiled": "training.compile=true"}
LIMIT, ALL = 180.0, 720.0
"""Seconds for one measurement, compilation included, and for all of those of `throughput`."""
PARTS = ("throughput", "processes", "training")


def machine() -> dict[str, Any]:
    versions = {name: importlib.metadata.version(name) for name in ("torch", "lightning", "torchmetrics")}
    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else None
    return {"part": "machine", "gpu": gpu, "cuda": torch.version.cuda, "python": platform.python_version(), **versions}


@contextmanager
def watching() -> Iterator[list[float]]:
    """Shares of time in which the GPU was busy, five in a second, while inside; none where nothing says so."""
    shares: list[float] = []
    tool = shutil.which("nvidia-smi")
    if tool is None:
        yield shares
        return
    query = [tool, "--query-gpu=utilization.gpu", "--format=csv,noheader,nounits", "-lms", "200"]
    with subprocess.Popen(query, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        lines = process.stdout
        reader = threading.Thread(
            target=lambda: shares.extend(float(line) / 100 for line in lines if line[0].isdigit())
        )
        reader.start()
        try:
            yield shares
        finally:
            process.terminate()
            reader.join()


def measured(facts: dict[str, Any], measure: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """The facts with what was measured, or with what went wrong."""
    try:
        with watching() as shares:
            found = measure()
    except subprocess.TimeoutExpired as error:
        return facts | {"failed": f"took more than {error.timeout:.0f} s"}
    except SystemExit as error:
        return facts | {"failed": str(error).strip().splitlines()[-1]}
    late = shares[len(shares) // 2 :]  # the start has no GPU to keep busy
    return facts | found | ({"busy": round(sum(late) / len(late), 3)} if late else {})


def throughput(words: str, seconds: float) -> Iterator[dict[str, Any]]:
    end = time.monotonic() + ALL
    for compiled, precision, network in itertools.product(COMPILED, PRECISIONS, NETWORKS):
        if time.monotonic() > end:
            yield {"part": "throughput", "failed": f"not tried from {network}, {precision}, {compiled} on: no time"}
            return
        case = f"{NETWORKS[network]} {words} {PRECISIONS[precision]} {COMPILED[compiled]} data.channels=3"
        facts = {"part": "throughput", "network": network, "precision": precision, "how": compiled}
        yield measured(facts, lambda: paced(case, seconds, LIMIT))  # noqa: B023


def processes(words: str, seconds: float) -> Iterator[dict[str, Any]]:
    for trainer in ("gpu", "ddp trainer.devices=1"):
        case = f"{NETWORKS['dcgan']} {words.replace('trainer=gpu', f'trainer={trainer}')} data.channels=3"
        yield measured({"part": "processes", "trainer": trainer}, lambda: apart("ours", case, 6000, LIMIT))  # noqa: B023


def training(words: str, recipe: str, data: str, minutes: float) -> Iterator[dict[str, Any]]:
    """As many images as the minutes allow at the speed of a trial; the scores twice."""
    rate = paced(f"experiment={recipe} {words} data.channels=3", 10.0, LIMIT)["rate"]
    images = int(rate * 60 * minutes)
    with tempfile.TemporaryDirectory() as home:
        command = [
            sys.executable,
            str(ROOT / "src" / "train.py"),
            f"experiment={recipe}",
            *data.split(),
            *words.split(),
        ]
        command += [f"images={images}", f"evaluate_every={max(images // 2, 1)}", f"hydra.run.dir={home}/run"]
        done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=60 * minutes + 600)
        if done.returncode:
            raise SystemExit(done.stderr)
        for line in (Path(home) / "run" / "metrics.jsonl").read_text().splitlines():
            yield {"part": "training", "recipe": recipe, "images_per_second": rate, **json.loads(line)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", help=", ".join(PARTS))
    parser.add_argument("--json", type=Path)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--seconds", type=float, default=10.0, help="for which a speed is measured")
    parser.add_argument("--words", default="trainer=gpu")
    parser.add_argument("--data", default="data=cifar10")
    parser.add_argument("--recipe", default="sngan_cifar10")
    parser.add_argument("--eager", action="store_true", help="nothing compiled")
    parser.add_argument("--networks", default=",".join(NETWORKS))
    given = parser.parse_args()
    os.environ.setdefault("TORCH_LOGS", "perf_hints")  # which names the CUDA graphs that are not made
    for network in NETWORKS.keys() - set(given.networks.split(",")):
        del NETWORKS[network]
    if given.eager:
        del COMPILED["compiled"]
    parts: dict[str, Callable[[], Iterator[dict[str, Any]]]] = {
        "throughput": lambda: throughput(given.words, given.seconds),
        "processes": lambda: processes(given.words, given.seconds),
        "training": lambda: training(given.words, given.recipe, given.data, given.minutes),
    }
    for line in itertools.chain([machine()], *(parts[part]() for part in given.parts or PARTS)):
        print(json.dumps(line), flush=True)
        if given.json:
            with given.json.open("a") as file:
                file.write(json.dumps(line) + "\n")


if __name__ == "__main__":
    main()
