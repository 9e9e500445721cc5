"""What may be compared, and the statistics of it."""

import json
import shutil
import statistics
from collections.abc import Callable
from pathlib import Path

import pytest

from ganforge.comparison.groups import grouped
from ganforge.comparison.runs import find_fakes, find_runs
from ganforge.comparison.sections import (
    Section,
    decimals,
    differences,
    later,
    mean_and_deviation,
    sections,
    set_aside,
    titles,
    unplaced,
)

Make = Callable[..., Path]


def found(folder: Path, score: str | None = None) -> list[Section]:
    return sections(grouped(find_runs([folder])), score)


def test_unequal_stamps_are_apart_and_the_differing_entries_are_named(make_run: Make, tmp_path: Path) -> None:
    make_run("0", {100: 1.0})
    make_run("1", {100: 2.0}, stamp={"fake_images": 20, "versions": {"torch": "3"}})
    make_run("2", {100: 3.0}, stamp={"extra": True})
    parts = found(tmp_path)
    assert differences(parts) == [
        {"fake_images": 10, "versions.torch": "2", "extra": "none"},
        {"fake_images": 20, "versions.torch": "3", "extra": "none"},
        {"fake_images": 10, "versions.torch": "2", "extra": True},
    ]
    assert titles(parts)[1] == "fid · fake_images=20 · versions.torch=3 · extra=none"
    assert [group.number for part in parts for group in part.groups] == [0, 0, 0], "one experiment has one colour"


def test_a_stamp_that_changed_during_a_run_divides_its_curve(make_run: Make, tmp_path: Path) -> None:
    folder = make_run("0", {100: 1.0, 200: 0.5})
    first, second = (json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines())
    second["stamp"]["versions"]["torch"] = "3"
    (folder / "metrics.jsonl").write_text(f"{json.dumps(first)}\n{json.dumps(second)}\n")
    assert [part.groups[0].last for part in found(tmp_path)] == [[1.0], [0.5]]


def test_mean_and_deviation_over_seeds_where_all_were_evaluated(make_run: Make, tmp_path: Path) -> None:
    scores = [[4.0, 3.0], [6.0, 1.0], [7.0, 2.5, 0.1]]
    for seed, values in enumerate(scores):
        make_run(str(seed), {100 * (place + 1): value for place, value in enumerate(values)}, seed=seed)
    ((group,),) = (part.groups for part in found(tmp_path))
    images, mean, deviation = group.mean_curve()
    assert images == [100, 200]
    for place in range(2):
        column = [values[place] for values in scores]
        assert mean[place] == pytest.approx(statistics.fmean(column))
        assert deviation[place] == pytest.approx(statistics.stdev(column))
    assert group.best == [3.0, 1.0, 0.1]
    assert group.last == [3.0, 1.0, 0.1]
    assert mean_and_deviation(group.best) == pytest.approx((statistics.fmean(group.best), statistics.stdev(group.best)))
    assert mean_and_deviation([2.0]) == (2.0, None)


def test_best_group_first_in_either_direction(make_run: Make, tmp_path: Path) -> None:
    for mode, order in (("min", ["loss=b", "loss=a"]), ("max", ["loss=a", "loss=b"])):
        make_run(f"{mode}/0", {100: 9.0}, "loss=a", mode=mode)
        make_run(f"{mode}/1", {100: 1.0}, "loss=b", mode=mode)
        (part,) = found(tmp_path / mode)
        assert [group.label for group in part.groups] == order


def test_another_score_is_taken_where_the_monitored_one_was_best(make_run: Make, tmp_path: Path) -> None:
    make_run("0", {1000: 5.0, 2000: 1.0, 3000: 4.0})
    (part,) = found(tmp_path, "recall")
    assert (part.groups[0].best, part.groups[0].last, part.real) == ([0.2], [0.3], 0.9)
    assert part.direction == ""
    with pytest.raises(ValueError, match=r"no run has the score recal, only fid, recall\. Did you mean recall\?"):
        found(tmp_path, "recal")


def test_no_run_is_dropped_silently(make_run: Make, tmp_path: Path) -> None:
    make_run("0", {100: 1.0})
    make_run("1", {100: 1.0}, seed=1, state="running")
    make_run("2", {}, seed=2)
    failed = make_run("3", {}, seed=3)
    (failed / "status.json").write_text('{"state": "failed", "error": "Traceback\\nboom"}')
    refused = tmp_path / "4"
    refused.mkdir()
    (refused / "status.json").write_text('{"state": "failed", "error": "model=x does not exist"}')
    runs = find_runs([tmp_path])
    aside = set_aside(runs, sections(grouped(runs)))
    assert [(run.name, why) for run, why in aside] == [
        ("1", "still running, or ended without a word"),
        ("2", "has no scores"),
        ("3", "boom"),
        ("4", "model=x does not exist"),
    ]


def test_later_evaluations_are_apart_by_stamp(make_run: Make, tmp_path: Path) -> None:
    folder = make_run("0", {100: 1.0})
    line = json.loads((folder / "metrics.jsonl").read_text()) | {"by": "evaluate"}
    other = line | {"stamp": {"extractor": "inception"}}
    with (folder / "metrics.jsonl").open("a") as file:
        file.writelines(json.dumps(one) + "\n" for one in (line, other, line))
    assert [len(part) for part in later(find_runs([folder]))] == [2, 1]


@pytest.mark.parametrize(
    ("values", "digits"), [([97.5, 0.37], 2), ([444.0], 1), ([0.012], 5), ([12_345.0], 0), ([0.0, float("inf")], 0)]
)
def test_decimals_leave_significant_digits(values: list[float], digits: int) -> None:
    assert decimals(values) == digits


def test_fakes_of_another_tool_stand_beside_runs_that_were_measured_in_the_same_way(
    make_run: Make, tmp_path: Path
) -> None:
    make_run("runs/0", {100: 1.0}, stamp={"weights": "ema", "seed": 0})
    make_run("runs/1", {100: 1.0}, stamp={"weights": "ema", "seed": 0, "fake_images": 20})
    stamp = json.loads((tmp_path / "runs" / "0" / "metrics.jsonl").read_text())["stamp"]
    line = {"images_seen": 0, "scores": {"fid": 2.5}, "by": "evaluate"}
    for name, changes in (("theirs", {}), ("others", {"data": "mnist:3"})):
        measured = {key: value for key, value in stamp.items() if key not in ("weights", "seed")} | changes
        (tmp_path / name).mkdir()
        (tmp_path / name / "metrics.jsonl").write_text(
            json.dumps(line | {"stamp": measured | {"fakes": f"{name}:1"}}) + "\n"
        )
    fakes = find_fakes([tmp_path])
    parts = sections(grouped(find_runs([tmp_path / "runs", tmp_path / "theirs"])), None, fakes)
    assert [part.fakes for part in parts] == [{"theirs": 2.5}, {}]
    assert unplaced(fakes, parts) == ["others"]
    with pytest.raises(ValueError, match="there are fakes and no run"):
        find_runs([tmp_path / "theirs"])
    namesake = tmp_path / "more" / "theirs"
    namesake.mkdir(parents=True)
    shutil.copy(tmp_path / "theirs" / "metrics.jsonl", namesake)
    assert set(find_fakes([tmp_path])) == {f"{tmp_path.name}/theirs", "more/theirs", f"{tmp_path.name}/others"}


def test_a_damaged_run_is_set_aside_and_the_others_are_compared(make_run: Make, tmp_path: Path) -> None:
    make_run("0", {100: 1.0})
    (make_run("1", {100: 2.0}) / "metrics.jsonl").write_text("{\n")
    runs = find_runs([tmp_path])
    parts = sections(grouped(runs))
    assert [[curve.run.name for group in part.groups for curve in group.curves] for part in parts] == [["0"]]
    (aside,) = set_aside(runs, parts)
    assert (aside[0].name, aside[0].state) == ("1", "damaged")
    assert "metrics.jsonl, line 1, is not JSON" in aside[1]
