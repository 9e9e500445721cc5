"""benchmarks/gpu.py on the CPU with tiny numbers: every part writes its lines."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from ..conftest import ROOT


def lines(tmp_path: Path, *words: str) -> list[dict[str, object]]:
    command = [sys.executable, str(ROOT / "benchmarks" / "gpu.py"), *words, "--json", str(tmp_path / "gpu.jsonl")]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=600)
    assert done.returncode == 0, done.stderr
    written = (tmp_path / "gpu.jsonl").read_text()
    assert written == done.stdout
    return [json.loads(line) for line in written.splitlines()]


@pytest.mark.slow
def test_throughput_of_a_network(tmp_path: Path) -> None:
    words = "trainer=cpu model.generator.width=4 data.batch_size=4"
    machine, *found = lines(
        tmp_path, "throughput", "--eager", "--networks", "dcgan", "--seconds", "0.2", "--words", words
    )
    assert machine["part"] == "machine"
    assert machine["gpu"] is None
    assert [(line["precision"], line["how"]) for line in found] == [("float32", "eager"), ("bf16", "eager")]
    assert all(float(str(line["rate"])) > 0 for line in found)


@pytest.mark.slow
def test_a_measurement_that_fails_is_a_line(tmp_path: Path) -> None:
    _, line, other = lines(tmp_path, "processes", "--words", "trainer=cpu no.such=key")
    assert line["part"] == other["part"] == "processes"
    assert "no.such" in str(line["failed"])


@pytest.mark.slow
def test_training_ends_with_its_scores(tmp_path: Path) -> None:
    small = "model.generator.width=4 model.discriminator.width=4 data.batch_size=4 loss.n_critic=1"
    words = ["--data", "data=digits metrics.images=50", "--words", f"trainer=cpu {small}"]
    _, *found = lines(tmp_path, "training", "--minutes", "0.01", *words)
    assert [line["part"] for line in found] == ["training"] * len(found)
    assert found and "fid_classifier" in found[-1]["scores"]  # type: ignore[operator]
