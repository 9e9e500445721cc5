"""Every condition from the command line: trained, drawn from, scored again."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from ..conftest import TINY

SHORT = [
    *TINY["mlp"], "images=64", "evaluate_every=32", "data.image_size=16", "data.batch_size=16", "metrics.images=20",
    "metrics.extractor.epochs=1", "callbacks.samples.count=4",
]  # fmt: skip


@pytest.mark.parametrize(
    ("condition", "picture", "score"),
    [
        pytest.param("projection", "classes.png", "class_accuracy_classifier", marks=pytest.mark.slow),
        pytest.param("concat", "classes.png", "class_accuracy_classifier", marks=pytest.mark.slow),
        ("auxiliary", "classes.png", "class_accuracy_classifier"),
        pytest.param("codes", "codes.png", "code_accuracy_classifier", marks=pytest.mark.slow),
    ],
)
def test_a_condition_from_the_command_line(
    command: Callable[..., subprocess.CompletedProcess], tmp_path: Path, condition: str, picture: str, score: str
) -> None:
    run = tmp_path / "run"
    trained = command(*SHORT, f"condition={condition}", f"hydra.run.dir={run}")
    assert (trained.returncode, trained.stderr) == (0, "")
    assert score in trained.stdout
    assert (run / "samples" / "000000064_codes.png").exists() == (condition == "codes")
    drawn = command(f"run={run}", "count=2", f"output={tmp_path}/drawn", script="generate")
    assert drawn.returncode == 0, drawn.stderr
    assert (tmp_path / "drawn" / picture).exists()
    again = command(f"run={run}", "checkpoint=last", "images=20", script="evaluate")
    assert again.returncode == 0, again.stderr
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert lines[-1] == lines[-2] | {"by": "evaluate"}
    assert score in lines[-1]["scores"] and score in lines[-1]["real"]["scores"]
