"""The table of curves: what a resumed run keeps of it, and what it writes anew."""

import csv
from pathlib import Path

from ganforge.artifacts.curves import CsvCurves


def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "metrics.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_a_resumed_run_keeps_the_rows_before_the_moment_that_it_writes_again(tmp_path: Path) -> None:
    curves = CsvCurves(str(tmp_path))
    for step in (64, 128, 192):
        curves.log_metrics({"loss": 0.5}, step)
    curves.finalize("success")
    resumed = CsvCurves(str(tmp_path), purge_step=128)
    resumed.save()
    assert len(rows(tmp_path)) == 3, "nothing to write yet"
    resumed.log_metrics({"loss": 0.25, "fid": 3.0}, 128)
    resumed.save()
    assert rows(tmp_path) == [
        {"step": "64", "fid": "", "loss": "0.5"},
        {"step": "128", "fid": "3.0", "loss": "0.25"},
    ]


def test_a_new_run_begins_a_new_table(tmp_path: Path) -> None:
    for _ in range(2):
        curves = CsvCurves(str(tmp_path))
        curves.log_metrics({"loss": 0.5}, 64)
        curves.save()
    assert rows(tmp_path) == [{"step": "64", "loss": "0.5"}]
