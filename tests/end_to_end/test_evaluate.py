"""`python src/evaluate.py` as a new user meets it."""

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from .runs import SMALL, finish, records, start, train, wait_for

Command = Callable[..., subprocess.CompletedProcess]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("trained") / "my_run"
    code, _, errors = train(folder, *SMALL, "images=1280", "evaluate_every=640")
    assert code == 0, errors
    return folder


def test_same_scores_as_while_training_and_the_same_line_twice(command: Command, trained: Path, tmp_path: Path) -> None:
    run = shutil.copytree(trained, tmp_path / "my_run")
    lines = (run / "metrics.jsonl").read_bytes()
    for _ in range(2):
        result = command("run=my_run", "checkpoint=last", "images=60", script="evaluate")
        assert (result.returncode, result.stderr) == (0, "")
        assert max(map(len, result.stdout.splitlines())) <= 80
        assert result.stdout.endswith("added to my_run/metrics.jsonl\n")
        assert "while training" in result.stdout
    added = (run / "metrics.jsonl").read_bytes().removeprefix(lines).splitlines()
    assert len(added) == 2 and added[0] == added[1]
    assert json.loads(added[0]) == records(trained)[-1] | {"by": "evaluate"}


@pytest.mark.slow
def test_run_that_is_being_trained_is_scored_and_loses_nothing(command: Command, tmp_path: Path) -> None:
    run = tmp_path / "run"
    process = start(run, *SMALL, "images=10_000_000")
    wait_for((run / "checkpoints" / "best.ckpt").exists, process)
    result = command("run=run", "images=50", script="evaluate")
    assert (result.returncode, result.stderr) == (0, "")
    count = len(records(run))
    wait_for(lambda: len(records(run)) > count, process)
    os.kill(process.pid, signal.SIGTERM)
    assert finish(process)[0] == 128 + signal.SIGTERM
    lines = records(run)
    (ours,) = (line for line in lines if "by" in line)
    assert ours["stamp"]["fake_images"] == 50
    moments = [line["images_seen"] for line in lines if "by" not in line]
    assert moments == [1280 * number for number in range(1, len(moments) + 1)]
    assert lines.index(ours) < len(lines) - 1


MISTAKES = {
    "nothing there": (["run=nowhere"], "run=nowhere: no run is there (a run folder has .hydra/config.yaml)"),
    "unknown scores": (["run=my_run", "metrics=incption"], "metrics=incption does not exist. Did you mean inception?"),
    "unequal stamps": (
        ["run=my_run", "images=70", "against=my_run"],
        "the scores of my_run measured something else (fake_images: 70 here, 60 there): evaluate it first",
    ),
}


@pytest.mark.parametrize("case", MISTAKES)
@pytest.mark.slow
def test_mistakes_end_in_one_line_and_add_nothing(command: Command, trained: Path, tmp_path: Path, case: str) -> None:
    run = shutil.copytree(trained, tmp_path / "my_run")
    words, message = MISTAKES[case]
    result = command(*words, script="evaluate")
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr.startswith(f"error: {message}")
    assert len(result.stderr.splitlines()) == 1
    assert (run / "metrics.jsonl").read_bytes() == (trained / "metrics.jsonl").read_bytes()


def test_help_is_for_people(command: Command) -> None:
    result = command("--help", script="evaluate")
    assert result.returncode == 0
    assert max(len(line) for line in result.stdout.splitlines()) <= 79
    assert "metrics=inception" in result.stdout
