"""`python src/search.py` as a new user meets it."""

import csv
import json
import shlex
import signal
from pathlib import Path

import pytest

from ..processes import Process, born
from .runs import finish, train, wait_for
from .test_train import MLP, Command, lines


def start(folder: Path, *words: str) -> Process:
    return born("search", *words, cwd=folder)


@pytest.mark.slow
def test_search_goes_on_after_it_was_killed_and_its_best_trial_can_be_repeated(tmp_path: Path) -> None:
    words = [
        *MLP,
        f"paths.outputs={tmp_path}/outputs",
        "optimizer.generator.lr=tag(log,interval(1e-4,1e-2))",
    ]
    folder = tmp_path / "found"
    process = start(tmp_path, *words, "search.trials=2", "search.pruner=none", "search.folder=found")
    wait_for((folder / "trials" / "1" / "metrics.jsonl").exists, process)
    process.kill()
    process.communicate()
    first = lines(folder / "trials" / "0")

    code, output, complaint = finish(start(tmp_path, "resume=found"))
    assert (code, complaint) == (0, "")
    assert "trial 0 " not in output, "a finished trial was trained again"
    assert max(len(line) for line in output.splitlines() if not line.startswith("repeat")) <= 80
    assert lines(folder / "trials" / "0") == first
    with (folder / "search.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["state"] for row in rows] == ["finished"] * 2
    for row in rows:
        records = lines(folder / "trials" / row["trial"])
        assert [record["images_seen"] for record in records] == [320, 640]
        assert float(row["fid_classifier"]) == min(record["scores"]["fid_classifier"] for record in records)

    repeat = shlex.split(next(line for line in output.splitlines() if line.startswith("repeat"))[len("repeat") :])
    assert repeat[:2] == ["python", "src/train.py"]
    assert train(tmp_path / "again", *repeat[2:])[0] == 0
    assert lines(tmp_path / "again") == lines(folder / "trials" / rows[0]["trial"])


@pytest.mark.slow
def test_sigterm_ends_the_trials_and_says_how_to_go_on(tmp_path: Path) -> None:
    words = [*MLP, f"paths.outputs={tmp_path}/outputs", "images=1_000_000", "search.folder=found", "search.jobs=2"]
    process = start(tmp_path, *words)
    wait_for(lambda: all((tmp_path / f"found/trials/{n}/metrics.jsonl").exists() for n in "01"), process)
    process.send_signal(signal.SIGTERM)
    code, _, complaint = finish(process)
    assert code == 143
    assert complaint == "stopped; go on with: python src/search.py resume=found\n"
    for number in "01":
        assert json.loads((tmp_path / f"found/trials/{number}/status.json").read_text())["state"] == "interrupted"


MISTAKES = {
    "multirun": (["-m"], "leave it out"),
    "key of the search": (["search.trils=5"], "search.trils is not a key of this configuration. Did you mean"),
    "key of training": (["optimiser.generator.lr=interval(0,1)"], "Did you mean optimizer.generator.lr?"),
    "no trials": (["search.trials=0"], "search.trials=0 should be a whole number, at least 1"),
    "jobs": (["search.jobs=many"], "search.jobs=many should be a whole number"),
    "pruner": (["search.pruner=hyperband"], "search.pruner=hyperband does not exist (there are: median, none)"),
    "nothing to resume": (["resume=nowhere"], "nowhere is no folder of a search"),
    "folder in use": (["search.folder=used"], "used is not empty"),
    "a warm-up": (
        ["search.prune_after_trials=-1"],
        "search.prune_after_trials=-1 should be a whole number, at least 0",
    ),
    "a run folder": (["hydra.run.dir=here"], "is not for a search"),
    "one value": (['search.space=["seed=1"]'], "seed=1, which names one value"),
    "an empty interval": (["loss.label_smoothing=interval(1,0)"], "cannot search loss.label_smoothing=interval(1,0)"),
}


@pytest.mark.parametrize("case", MISTAKES)
@pytest.mark.slow
def test_mistake_ends_in_a_line_with_nothing_left_behind(command: Command, tmp_path: Path, case: str) -> None:
    words, message = MISTAKES[case]
    (tmp_path / "used").mkdir()
    (tmp_path / "used" / "thesis.txt").write_text("years of work")
    result = command(*words, script="search")
    assert result.returncode == 2
    assert message in result.stderr
    assert result.stderr.startswith("error: ")
    assert len(result.stderr.strip().splitlines()) == 1
    assert result.stdout == ""
    assert {path.name for path in tmp_path.rglob("*")} == {"used", "thesis.txt"}


def test_resumed_search_keeps_its_words(tmp_path: Path) -> None:
    settings = {"trials": 3, "jobs": 1, "seed": 0, "pruner": "none", "prune_after_trials": 5, "prune_after_images": 0}
    words = ["loss=hinge,lsgan"]
    plan = {
        "overrides": words,
        "default_space": [],
        "monitor": "x",
        "mode": "min",
        "directory": ".",
        "settings": settings,
    }
    (tmp_path / "search.json").write_text(json.dumps(plan | {"settings": settings}))
    for word in ("model=mlp", "search.seed=1"):
        process = start(tmp_path, f"resume={tmp_path}", word)
        code, _, complaint = finish(process)
        assert code == 2
        assert complaint == (
            f"error: {word}: a search goes on with its own overrides; only search.trials and search.jobs change\n"
        )


def test_without_optuna_there_is_a_hint(command: Command, tmp_path: Path) -> None:
    (tmp_path / "hidden").mkdir()
    (tmp_path / "hidden" / "optuna.py").write_text("raise ModuleNotFoundError('No module', name='optuna')")
    result = command(script="search", PYTHONPATH=str(tmp_path / "hidden"))
    assert result.returncode == 2
    assert result.stderr == "error: a search needs optuna: pip install 'ganforge[search]'\n"


def test_help_is_for_people(command: Command) -> None:
    result = command("--help", script="search")
    assert result.returncode == 0
    assert max(len(line) for line in result.stdout.splitlines()) <= 80
    assert "resume=outputs/search" in result.stdout
