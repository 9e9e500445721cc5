"""Sweeps that are killed, stopped or fail in part, and go on."""

import csv
import json
import os
import signal
import time
from pathlib import Path

import pytest

from .runs import SMALL, differences, end_session, finish, start, train, wait_for

THREE = ["-m", *SMALL, "images=2560", "seed=1,2,3"]


def the_sweep(home: Path) -> Path:
    (folder,) = (home / "outputs" / "sweep").iterdir()
    return folder


def ranking(folder: Path) -> list[dict[str, str]]:
    with (folder / "ranking.csv").open() as file:
        return list(csv.DictReader(file))


@pytest.mark.slow
@pytest.mark.parametrize("launcher", [[], ["hydra/launcher=joblib", "hydra.launcher.n_jobs=2"]])
def test_killed_sweep_goes_on_and_ranks_as_if_it_had_not_been(tmp_path: Path, launcher: list[str]) -> None:
    (tmp_path / "whole").mkdir()
    assert train(tmp_path / "whole" / "run", *THREE)[0] == 0
    process = start(tmp_path / "run", *THREE, *launcher)
    home = tmp_path / "outputs" / "sweep"
    wait_for(lambda: any(home.glob("*/1/checkpoints/last.ckpt")), process)
    end_session(process)
    sweep, whole = the_sweep(tmp_path), the_sweep(tmp_path / "whole")
    assert not (sweep / "ranking.csv").exists()
    code, output, errors = train(tmp_path / "run", "resume=latest")
    assert (code, errors) == (0, "")
    assert launcher or output.count("was finished before") == 1
    for job in "012":
        assert list(differences(whole / job, sweep / job)) == []
    found = [(row["rank"], row["number"], row["state"], row["score"]) for row in ranking(sweep)]
    assert found == [(row["rank"], row["number"], row["state"], row["score"]) for row in ranking(whole)]


@pytest.mark.slow
def test_stopped_sweep_says_how_to_go_on(tmp_path: Path) -> None:
    process = start(tmp_path / "run", *THREE)
    wait_for(lambda: any((tmp_path / "outputs" / "sweep").glob("*/0/checkpoints/last.ckpt")), process)
    process.send_signal(signal.SIGTERM)
    code, _, errors = finish(process)
    assert code == 143
    sweep = the_sweep(tmp_path)
    assert errors.splitlines()[-1] == f"go on with: python src/train.py resume=outputs/sweep/{sweep.name}"
    assert train(tmp_path / "run", f"resume={sweep}")[0] == 0
    assert [row["state"] for row in ranking(sweep)] == ["finished"] * 3


@pytest.mark.slow
@pytest.mark.parametrize("to_all", [True, False], ids=["the terminal", "the parent"])
def test_parallel_sweep_waits_until_its_jobs_have_saved(tmp_path: Path, to_all: bool) -> None:
    words = ["-m", *SMALL, "images=1_000_000", "evaluate_every=500_000", "seed=1,2,3"]
    process = start(tmp_path / "run", *words, "hydra/launcher=joblib", "hydra.launcher.n_jobs=2")
    home = tmp_path / "outputs" / "sweep"
    wait_for(lambda: len([*home.glob("*/[01]/samples/000000000.png")]) == 2, process)
    time.sleep(1)
    if to_all:
        os.killpg(process.pid, signal.SIGINT)
    else:
        process.send_signal(signal.SIGINT)
    code, _, errors = finish(process)
    sweep = the_sweep(tmp_path)
    assert code == 130
    assert errors.splitlines() == [
        "stopped by SIGINT, and saved",
        f"go on with: python src/train.py resume=outputs/sweep/{sweep.name}",
    ]
    for job in "01":
        assert (sweep / job / "checkpoints" / "last.ckpt").exists()
        assert json.loads((sweep / job / "status.json").read_text())["state"] == "interrupted"
    assert not (sweep / "2" / "checkpoints").exists()
    assert not (sweep / "ranking.csv").exists()


@pytest.mark.slow
def test_failed_job_is_tried_again(tmp_path: Path) -> None:
    """One of two jobs cannot write its cache; once it can, the sweep is complete."""
    words = ["-m", *SMALL, "images=640", "paths.cache=blocked/cache,free/cache"]
    (tmp_path / "blocked").write_text("a file where a folder should be")
    assert train(tmp_path / "run", *words)[0] == 1
    sweep = the_sweep(tmp_path)
    assert [row["state"] for row in ranking(sweep)] == ["finished", "failed"]
    (tmp_path / "blocked").unlink()
    code, output, _ = train(tmp_path / "run", f"resume={sweep}")
    assert code == 0
    assert "job 1: " in output and "was finished before" in output
    assert [row["state"] for row in ranking(sweep)] == ["finished"] * 2


def test_a_sweep_cannot_be_changed_on_the_way(tmp_path: Path) -> None:
    (tmp_path / "sweep").mkdir()
    (tmp_path / "sweep" / "sweep.json").write_text(json.dumps({"overrides": ["seed=1,2"]}))
    code, _, errors = train(tmp_path / "run", f"resume={tmp_path}/sweep", "loss=hinge")
    assert (code, errors) == (2, "error: a sweep goes on as it was started: leave out loss=hinge\n")
