"""Whole experiments, minutes each: what they must achieve."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

Command = Callable[..., subprocess.CompletedProcess]


def records(folder: Path) -> list[dict]:
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


@pytest.mark.slow
@pytest.mark.parametrize("loss", ["r1", "wgan_gp"])
def test_all_eight_modes_of_the_ring_are_covered(command: Command, tmp_path: Path, loss: str) -> None:
    result = command(f"experiment=ring_{loss}", f"hydra.run.dir={tmp_path}/ring")
    assert result.returncode == 0, result.stderr
    last = records(tmp_path / "ring")[-1]
    assert last["scores"]["modes_covered_points"] == 8
    assert last["real"]["scores"]["within_3_sigma_points"] == pytest.approx(0.989, abs=0.003)


@pytest.mark.slow
def test_default_experiment_draws_every_digit_nearly_as_well_as_real_ones(command: Command, tmp_path: Path) -> None:
    result = command(f"hydra.run.dir={tmp_path}/digits", timeout=900)
    assert result.returncode == 0, result.stderr
    last = records(tmp_path / "digits")[-1]
    assert last["stamp"]["extractor_accuracy"] > 0.97
    assert last["scores"]["classes_classifier"] == 10
    assert last["scores"]["rarest_class_classifier"] >= 0.03
    assert last["scores"]["fid_classifier"] <= 3.5 * last["real"]["scores"]["fid_classifier"]


@pytest.mark.slow
def test_recipe_trains_on_the_real_mnist(command: Command, tmp_path: Path, real_data: Path) -> None:
    raw = tmp_path / "data" / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for file in (real_data / "MNIST" / "raw").glob("*.gz"):
        (raw / file.name).symlink_to(file)
    result = command(
        "experiment=dcgan_mnist", f"data.root={tmp_path}/data", f"hydra.run.dir={tmp_path}/mnist", "images=40_000",
        "evaluate_every=8_000", "data.batch_size=32", "model.generator.width=16", "metrics.extractor.max_steps=200",
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    first, *_, last = records(tmp_path / "mnist")
    assert last["stamp"]["extractor_accuracy"] > 0.95
    assert last["stamp"]["real_images"] == 10_000
    assert last["scores"]["fid_classifier"] < 0.5 * first["scores"]["fid_classifier"]


@pytest.mark.slow
def test_inception_scores_name_their_weights(command: Command, tmp_path: Path, random_inception: Path) -> None:
    images = np.random.default_rng(0).integers(0, 256, (60, 16, 16), dtype=np.uint8)
    np.savez(tmp_path / "images.npz", images=images)
    result = command(
        "model=mlp", "data=arrays", f"data.path={tmp_path}/images.npz", "data.held_out=0.4", "data.batch_size=16",
        "metrics=inception", f"metrics.weights={random_inception}", "metrics.images=20", "images=32",
        f"hydra.run.dir={tmp_path}/run",
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    (record,) = records(tmp_path / "run")
    assert record["stamp"]["extractor"].startswith("inception:")
    assert "no antialias" in record["stamp"]["resize"]
    assert set(record["scores"]) == {
        f"{score}_inception" for score in ("fid", "kid", "is", "precision", "recall", "density", "coverage")
    }
