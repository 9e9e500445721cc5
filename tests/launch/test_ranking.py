"""The table at the end of a sweep, from what its jobs left behind."""

import csv
import json
import re
from contextlib import nullcontext
from math import nan
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from ganforge.launch.ranking import Ranking


def job(folder: Path, number: int, state: str, scores: list[float], stamp: str = "a", mode: str = "min") -> None:
    run = folder / str(number)
    (run / ".hydra").mkdir(parents=True)
    status = {"state": state, "number": number, "error": "Traceback\nboom"}
    status["overrides"] = ["model=mlp", f"seed={number}"]
    (run / "status.json").write_text(json.dumps(status))
    OmegaConf.save({"metrics": {"monitor": "fid_x", "mode": mode}}, run / ".hydra" / "config.yaml")
    stamped = {"data": "d", "extractor": stamp, "fake_images": 10}
    lines = [{"images_seen": i, "scores": {"fid_x": score}, "stamp": stamped} for i, score in enumerate(scores, 1)]
    (run / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))


def ranking(folder: Path, code: int = 0) -> list[dict[str, str]]:
    """The table of a sweep that ends with the exit code `code`."""
    with pytest.raises(SystemExit, match=f"^{code}$") if code else nullcontext():
        Ranking().on_multirun_end(OmegaConf.create({"hydra": {"sweep": {"dir": str(folder)}}}))
    with (folder / "ranking.csv").open() as file:
        return list(csv.DictReader(file))


def test_best_score_of_each_job_counts_and_common_overrides_are_left_out(tmp_path: Path) -> None:
    job(tmp_path, 0, "finished", [5.0, 3.0, 4.0])
    job(tmp_path, 1, "finished", [9.0, 1.0])
    rows = ranking(tmp_path)
    assert [(row["overrides"], row["score"], row["images_seen"]) for row in rows] == [
        ("seed=1", "1.0", "2"),
        ("seed=0", "3.0", "2"),
    ]


def test_the_table_shows_what_is_ranked_and_what_measured_it(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    job(tmp_path, 0, "finished", [5.0, 3.0])
    job(tmp_path, 1, "finished", [1.0])
    ranking(tmp_path)
    title, head, *rows = (
        re.findall(r"[^\s│┃]+", line) for line in capsys.readouterr().out.splitlines() if "━" not in line
    )
    assert title == ["d,", "a,", "10", "fakes"]
    assert head == ["rank", "job", "overrides", "fid_x", "images"]
    assert rows[:2] == [["1", "1", "seed=1", "1", "1"], ["2", "0", "seed=0", "3", "2"]]


def test_higher_is_better_where_the_metrics_say_so(tmp_path: Path) -> None:
    job(tmp_path, 0, "finished", [0.5, 0.7], mode="max")
    job(tmp_path, 1, "finished", [0.9], mode="max")
    assert [row["number"] for row in ranking(tmp_path)] == ["1", "0"]


@pytest.mark.parametrize("mode", ["min", "max"])
def test_scores_that_are_not_numbers_are_neither_the_best_of_a_job_nor_of_the_table(tmp_path: Path, mode: str) -> None:
    job(tmp_path, 0, "finished", [nan], mode=mode)
    job(tmp_path, 1, "finished", [nan, 2.0], mode=mode)
    job(tmp_path, 2, "finished", [3.0, nan], mode=mode)
    order = ["2", "1", "0"] if mode == "max" else ["1", "2", "0"]
    rows = ranking(tmp_path)
    assert [row["number"] for row in rows] == order
    assert sorted(row["score"] for row in rows) == ["2.0", "3.0", "nan"]


def test_unequal_stamps_are_ranked_apart(tmp_path: Path) -> None:
    job(tmp_path, 0, "finished", [1.0], stamp="a")
    job(tmp_path, 1, "finished", [2.0], stamp="b")
    job(tmp_path, 2, "finished", [0.5], stamp="a")
    assert [(row["group"], row["rank"], row["number"]) for row in ranking(tmp_path)] == [
        ("0", "1", "2"),
        ("0", "2", "0"),
        ("1", "1", "1"),
    ]


@pytest.mark.parametrize("state", ["failed", "running"])
def test_a_job_that_did_not_finish_is_listed_and_fails_the_sweep(tmp_path: Path, state: str) -> None:
    job(tmp_path, 0, "finished", [1.0])
    job(tmp_path, 1, state, [0.1])
    rows = ranking(tmp_path, code=1)
    assert [(row["number"], row["rank"]) for row in rows] == [("0", "1"), ("1", "")]


def test_a_job_that_ended_early_on_purpose_is_listed_and_does_not_fail_the_sweep(
    tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    job(tmp_path, 0, "finished", [1.0])
    job(tmp_path, 1, "ended", [0.1])
    assert [(row["number"], row["rank"]) for row in ranking(tmp_path)] == [("0", "1"), ("1", "")]
    assert "job 1 seed=1 ended before its budget was spent" in capsys.readouterr().out


def test_a_killed_job_left_only_that_it_was_running(tmp_path: Path) -> None:
    (tmp_path / "0").mkdir()
    (tmp_path / "0" / "status.json").write_text('{"state": "running"}')
    assert ranking(tmp_path, code=1)[0]["error"] == "it was killed"


def test_jobs_without_scores_are_listed(tmp_path: Path) -> None:
    job(tmp_path, 0, "finished", [])
    assert ranking(tmp_path)[0]["state"] == "finished"
