"""`python src/compare.py` as somebody with a few runs meets it."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from ..comparison.conftest import make_run  # noqa: F401
from ..conftest import ROOT
from ..processes import born

Make = Callable[..., Path]


def compare(folder: Path, *words: str) -> subprocess.CompletedProcess:
    process = born("compare", *words, cwd=folder)
    output, errors = process.communicate(100)
    return subprocess.CompletedProcess(words, process.wait(), output, errors)


def test_a_sweep_becomes_a_page_a_chart_and_a_table(make_run: Make, tmp_path: Path) -> None:  # noqa: F811
    for number, (loss, seed) in enumerate([("hinge", 1), ("hinge", 2), ("lsgan", 1)]):
        make_run(f"sweep/{number}", {1000: 4.0, 2000: 1.0 + number}, f"loss={loss}", seed=seed)
    result = compare(tmp_path, "sweep", "--output", "here/it")
    assert (result.returncode, result.stderr) == (0, "")
    assert "│ loss=hinge    │    2 │ 1.500 ± 0.707 │ 1.500 ± 0.707 │" in result.stdout
    assert result.stdout.splitlines()[-2:] == ["page   here/it.html", "chart  here/it.png"]
    assert max(len(line) for line in result.stdout.splitlines()) <= 80
    assert (tmp_path / "here" / "it.html").read_text().startswith("<!doctype html>")
    with Image.open(tmp_path / "here" / "it.png") as image:
        image.load()


def test_the_page_is_written_where_nobody_reads_the_table(make_run: Make, tmp_path: Path) -> None:  # noqa: F811
    make_run("run", {1000: 1.0})
    process = subprocess.Popen(
        [sys.executable, str(ROOT / "src" / "compare.py"), "run"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path,
    )  # fmt: skip
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    assert (process.stderr.read(), process.wait()) == ("", 0)
    assert (tmp_path / "comparison.html").exists()


MISTAKES = {
    "no folder": ([], "the following arguments are required: FOLDER; see python src/compare.py --help"),
    "missing folder": (["nowhere"], "nowhere: no such folder"),
    "no run": (["empty"], "empty holds no run"),
    "unknown score": (["run", "--score", "fidd"], "no run has the score fidd, only fid, recall. Did you mean fid?"),
    "flag": (["run", "--out", "x"], "unrecognized arguments: --out x"),
    "broken line": (["broken"], "broken/metrics.jsonl, line 2, is not JSON"),
    "broken picture": (["torn"], "torn/samples/000001000.png is not a readable PNG"),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_mistake_ends_in_a_line_with_nothing_left_behind(make_run: Make, tmp_path: Path, case: str) -> None:  # noqa: F811
    words, message = MISTAKES[case]
    (tmp_path / "empty").mkdir()
    make_run("run", {1000: 1.0})
    with (make_run("broken", {1000: 1.0}) / "metrics.jsonl").open("a") as file:
        file.write('{"images_seen": 2000, "sco\n')
    (make_run("torn", {1000: 1.0}) / "samples" / "000001000.png").write_bytes(b"\x89PNG")
    result = compare(tmp_path, *words)
    assert result.returncode == 2
    assert result.stderr.startswith("error: ") and message in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert result.stdout == ""
    assert not (tmp_path / "comparison.html").exists() and not (tmp_path / "comparison.png").exists()


def test_help_is_for_people_and_nothing_heavy_is_imported(tmp_path: Path) -> None:
    result = compare(tmp_path, "--help")
    assert result.returncode == 0
    assert max(len(line) for line in result.stdout.splitlines()) <= 79
    code = "import json, sys, ganforge.comparison.report; print(json.dumps(list(sys.modules)))"
    modules = json.loads(subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout)
    assert not {"torch", "lightning", "hydra"} & set(modules)
