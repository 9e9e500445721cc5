"""Run folders, sound and broken."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from ganforge.comparison.runs import find_runs

Make = Callable[..., Path]


def test_runs_are_found_below_any_folder_once_and_job_10_comes_after_job_9(make_run: Make, tmp_path: Path) -> None:
    for number in (10, 9, 1):
        make_run(f"sweep/{number}", {100: 1.0})
    runs = find_runs([tmp_path, tmp_path / "sweep", tmp_path / "sweep" / "9"])
    assert [run.name for run in runs] == ["1", "9", "10"]


def test_lines_of_a_later_evaluation_are_not_part_of_the_training(make_run: Make) -> None:
    folder = make_run("run", {100: 3.0, 200: 2.0})
    line = json.loads((folder / "metrics.jsonl").read_text().splitlines()[0]) | {"by": "src/evaluate.py"}
    with (folder / "metrics.jsonl").open("a") as file:
        file.write(json.dumps(line) + "\n")
    (run,) = find_runs([folder])
    assert [evaluation.images_seen for evaluation in run.training] == [100, 200]
    assert [evaluation.by for evaluation in run.later] == ["src/evaluate.py"]


def test_best_follows_the_mode_and_passes_by_what_is_not_a_number(make_run: Make) -> None:
    for mode, best in (("min", 300), ("max", 200)):
        (run,) = find_runs([make_run(mode, {100: float("nan"), 200: 5.0, 300: 2.0}, mode=mode)])
        assert run.best(run.training).images_seen == best


def test_nothing_in_a_configuration_is_resolved(make_run: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET", "hunter2")
    (run,) = find_runs([make_run("run", {100: 1.0}, config={"model.width": "${oc.env:SECRET}"})])
    assert run.settings["model.width"] == "${oc.env:SECRET}"
    assert "hunter2" not in repr(run)


def test_text_is_made_printable(make_run: Make) -> None:
    (run,) = find_runs([make_run("run\u202e", {100: 1.0}, stamp={"split": "a\u202eb\ud800"})])
    assert run.name == "run\ufffd"
    assert run.training[0].stamp["split"] == "a\ufffdb\ufffd"


BROKEN = {
    "half a line": ("metrics.jsonl", '{"images_seen": 1, "sco\n', "metrics.jsonl, line 1, is not JSON"),
    "no object": ("metrics.jsonl", "[1]\n", "metrics.jsonl, line 1, is not a JSON object"),
    "no stamp": (
        "metrics.jsonl",
        '{"images_seen": 1, "scores": {}}\n',
        "line 1, is not an evaluation: KeyError('stamp')",
    ),
    "no number": (
        "metrics.jsonl",
        '{"images_seen": 1, "scores": {"fid": "x"}, "stamp": {}}\n',
        "line 1, is not an evaluation",
    ),
    "astronomical clock": (
        "metrics.jsonl",
        '{"images_seen": 1e300, "scores": {"fid": 1}, "stamp": {}}\n',
        "line 1, is not an evaluation: ValueError('images_seen=1e+300')",
    ),
    "astronomical score": (
        "metrics.jsonl",
        '{"images_seen": 1, "scores": {"fid": -1e308}, "stamp": {}}\n',
        "line 1, is not an evaluation: ValueError('a score beyond 1e+100')",
    ),
    "no monitored score": (
        "metrics.jsonl",
        '{"images_seen": 1, "scores": {"kid": 1}, "stamp": {}}\n',
        "not every line has fid, which metrics.monitor names",
    ),
    "status": ("status.json", "{", "status.json is not the status of a run"),
    "status of another kind": ("status.json", "[]", "status.json is not the status of a run"),
    "deep status": ("status.json", '{"a":' * 5000, "status.json is not the status of a run"),
    "yaml": (".hydra/config.yaml", "a: [", "config.yaml is not a readable configuration"),
    "list": (".hydra/config.yaml", "- a", "config.yaml is not a readable configuration"),
    "aliases": (".hydra/config.yaml", "a: &a [x]\nb: [*a, *a]", "it has YAML aliases"),
    "tags": (".hydra/config.yaml", "a: !!python/object/apply:os.getcwd []", "config.yaml is not a readable"),
    "mode": (".hydra/config.yaml", "metrics: {monitor: fid, mode: up}", "metrics.mode=up is neither min nor max"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_file_is_named_in_one_line(make_run: Make, case: str) -> None:
    file, content, message = BROKEN[case]
    folder = make_run("run", {100: 1.0})
    (folder / file).write_text(content)
    with pytest.raises(ValueError) as error:
        find_runs([folder])
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_a_folder_without_runs_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="holds no run"):
        find_runs([tmp_path])
    with pytest.raises(ValueError, match="no such folder"):
        find_runs([tmp_path / "nowhere"])


def test_a_link_in_a_run_is_not_followed(make_run: Make, tmp_path: Path) -> None:
    (make_run("run", {100: 1.0}) / "samples" / "x.png").symlink_to(tmp_path / "secret.png")
    with pytest.raises(ValueError, match=r"x\.png is neither a file nor a folder"):
        find_runs([tmp_path / "run"])
