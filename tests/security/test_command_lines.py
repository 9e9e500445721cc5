"""Command lines that a user may type: what they mean, or the one line that says what to type instead."""

import json
import re
from pathlib import Path

import pytest

from .commands import Commands
from .conftest import SHORT, contents, refused_in_a_line

MISTAKES = {
    "train images=200 --info images": "argument --info/-i: invalid choice: 'images'",
    "train --seed 3": "unrecognized arguments: --seed (a key has no dashes: seed=..., and --hydra-help ",
    "train -m seed=range(3,1)": "seed=range(3,1) names no value",
    "train -m hydra.sweep.dir=/dev/null/x seed=1,2": "Not a directory: /dev/null/x",
    "train hydra.searchpath=": "hydra.searchpath must be a list of strings",
    "train hydra.searchpath=[x] seed=abc": "hydra.searchpath in command-line, path=x is not available",
    "train data=folder data.path=~/no-such-folder,ü": "names several values: add -m",
    "train data=folder data.path=~/no-such-folder(1)": f"{Path.home()}/no-such-folder(1): no such folder",
    "train data=folder data.path=": "data.path=: an empty path names nothing",
    "train resume=a,b": "resume=a,b: one run or sweep goes on at a time",
    "train data.image_size=4096": "not enough memory: lower what is largest of data.image_size, ",
    "evaluate run=2024": "run=2024: no run is there",
    "evaluate run=": "run=: an empty path names nothing",
    "evaluate run=latest": "latest: there is no run in ",
    "generate weights=фото.safetensors": "фото.safetensors: no such file",
    "generate run=x labels=3,4": "(a list is labels=[3,4])",
    "translate run=x": "say what to translate: input=",
    "translate run=x input=y apply_view=edges": "apply_view: Value 'edges' is not a valid bool",
    "translate run=x input=a,b": "names several values",
    "translate run=latest input=y": "latest: there is no run in ",
    "export run=latest": "latest: there is no run in ",
    "export run=x format=onnx,pt2": "(a list is format=[onnx,pt2])",
    "search resume=latest": "latest: there is no run in ",
    "search optimizer.generator.lr=interval(nan,1)": "both ends must be finite",
    "search optimizer.generator.lr=glob(*)": "optimizer.generator.lr is no group",
    "search seed=range(3,1)": "seed=range(3,1) names no value",
}


@pytest.mark.parametrize("line", MISTAKES)
def test_mistake_ends_in_a_line_that_says_what_to_type(commands: Commands, tmp_path: Path, line: str) -> None:
    script, *words = line.split()
    result = commands(script, *words, f"paths.outputs={tmp_path}/outputs", cwd=tmp_path)
    assert refused_in_a_line(result), result
    assert MISTAKES[line] in result.errors
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "line", ["x=1 --hydra-help", "--hydra-help", "images=200 --info", "metrics=none --cfg job --resolve"]
)
def test_flags_may_stand_anywhere(commands: Commands, tmp_path: Path, line: str) -> None:
    result = commands("train", *line.split(), cwd=tmp_path)
    assert (result.code, result.errors) == (0, "")
    assert len(result.output.splitlines()) > 10


def test_a_path_is_read_as_it_was_typed_and_goes_on(commands: Commands, tmp_path: Path) -> None:
    """Through the composition, the run's own words, its configuration, and once more with resume=."""
    folder, outputs = tmp_path / "my runs (1)", "paths.outputs=2024"
    words = [*SHORT, "metrics=none", "images=64", outputs, f"hydra.run.dir={folder}"]
    assert commands("train", *words, cwd=tmp_path)[::2] == (0, "")
    assert not (tmp_path / "outputs").exists()
    result = commands("train", f"resume={folder}", "images=128", outputs, cwd=tmp_path)
    assert (result.code, result.errors) == (0, "")
    assert result.output.startswith("going on at 64 of 128 images")
    result = commands("generate", f"run={folder}", "count=2", "output=ünï, ~", cwd=tmp_path)
    assert result.code == 2 and "a path with a comma is quoted twice" in result.errors
    assert commands("generate", f"run={folder}", "count=2", "output=ünï ~", cwd=tmp_path).code == 0
    assert (tmp_path / "ünï ~" / "grid.png").exists()


@pytest.mark.parametrize("word", ["+resume=", "++resume=", "resume="])
def test_plus_before_resume_changes_nothing(commands: Commands, whole: Path, word: str) -> None:
    result = commands("train", f"{word}{whole}", cwd=whole.parent)
    assert (result.code, result.errors) == (0, "")
    assert result.output.startswith("run is complete: 640 images were asked for.")


@pytest.mark.parametrize("word", ["hydra.run.dir=elsewhere", "-m", "hydra/launcher=joblib"])
def test_a_run_goes_on_where_it_is_and_says_so(commands: Commands, run: Path, word: str, tmp_path: Path) -> None:
    before = contents(run)
    result = commands("train", "resume=run", word, cwd=tmp_path)
    assert refused_in_a_line(result), result
    assert result.errors == f"error: run is one run, which goes on in its own folder: leave out {word}\n"
    assert contents(run) == before


def test_a_sweep_goes_on_where_it_is(commands: Commands, tmp_path: Path) -> None:
    (tmp_path / "sweep.json").write_text('{"overrides": ["seed=1,2"]}')
    result = commands("train", f"resume={tmp_path}", "hydra.sweep.dir=elsewhere", cwd=tmp_path)
    assert result.errors == "error: a sweep goes on in its own folder: leave out hydra.sweep.dir=elsewhere\n"


def test_other_hardware_has_its_own_words(commands: Commands, run: Path, tmp_path: Path) -> None:
    result = commands("train", "resume=run", "trainer=gpu", cwd=tmp_path)
    assert refused_in_a_line(result)
    assert result.errors.endswith("or for other hardware say only trainer.accelerator=cuda, or cpu\n")


def test_every_tool_finds_the_latest_run(commands: Commands, whole: Path, tmp_path: Path) -> None:
    (tmp_path / "train").mkdir()
    (tmp_path / "train" / "a").symlink_to(whole)
    for script, words in (("generate", ["count=2"]), ("export", []), ("train", ["resume=latest"])):
        run = [] if script == "train" else ["run=latest"]
        result = commands(script, *run, *words, f"paths.outputs={tmp_path}", cwd=tmp_path)
        assert (result.code, result.errors) == (0, ""), result
    result = commands("evaluate", "run=latest", "images=3", f"paths.outputs={tmp_path}", cwd=tmp_path)
    assert re.search("at least 10", result.errors)


def test_latest_search_is_found(commands: Commands, tmp_path: Path) -> None:
    settings = {"trials": 1, "jobs": 1, "seed": 0, "pruner": "none", "prune_after_trials": 2, "prune_after_images": 0}
    plan = {"overrides": ["seed=1,2"], "default_space": [], "monitor": "x", "mode": "min", "directory": str(tmp_path)}
    (tmp_path / "search" / "a").mkdir(parents=True)
    (tmp_path / "search" / "a" / "search.json").write_text(json.dumps(plan | {"settings": settings}))
    result = commands("search", "resume=latest", f"paths.outputs={tmp_path}", "search.seed=3", cwd=tmp_path)
    assert result.errors.startswith("error: search.seed=3: a search goes on with its own overrides")
