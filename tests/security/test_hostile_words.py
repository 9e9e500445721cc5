"""Words that a stranger's run, sweep or search says were typed for it."""

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml
from optuna import create_study
from optuna.distributions import IntDistribution
from optuna.trial import TrialState, create_trial

from ganforge.launch.resume import sweep_overrides
from ganforge.launch.stored import stored_overrides

from .commands import Commands
from .conftest import SHORT, contents, mostly_slow, refused_in_a_line
from .hostile import BITING_WORD, armed, config_of, put, with_checkpoint, with_config

PATH = "{_target_:pathlib.Path,_args_:['MARKER']}"
TO_HYDRA = (
    f"+hydra.callbacks.x={{_target_:pathlib.Path.touch,self:{PATH}}}",
    f"++hydra.callbacks.x={{_target_:pathlib.Path.touch,self:{PATH}}}",
    "hydra.callbacks.ranking._target_=os.system",
    "+hydra.job.env_set.PYTHONSTARTUP=MARKER",
    "hydra/launcher=../../evil",
    "+hydra/launcher=submitit_slurm",
    "hydra.searchpath=[file:///evil]",
    "hydra.run.dir=MARKER",
    "hydra.sweep.dir=MARKER",
    "callbacks@hydra.callbacks=default",
    "+callbacks@_global_.hydra.callbacks=default",
    "~hydra.sweep.dir",
)
"""What is left out of a stranger's words; the first two make a file where it is not."""
REFUSED = (
    "--config-dir=MARKER",
    "--config-path=MARKER",
    "--config-name=evil",
    "-m",
    "--multirun",
    "--package=hydra",
    "experiment=../../evil",
    "loss=[hinge,../../evil]",
    "+../../evil=x",
    "model='../../evil'",
    "seed=${oc.decode:${oc.env:HOME}}",
    "data.root=${hydra:runtime.cwd}",
    "images",
    "=5",
    "\x1b[2J",
    "",
)
UNTRUSTED = (
    BITING_WORD,
    "logger.tensorboard._target_=os.system",
    f"+callbacks.x={{_target_:pathlib.Path.touch,self:{PATH}}}",
    "+logger.x={_target_:lightning.pytorch.loggers.csv_logs.os.system,command:'touch MARKER'}",
)


@pytest.mark.slow
def test_first_words_to_hydra_bite_where_nothing_stops_them(commands: Commands, marker: Path, tmp_path: Path) -> None:
    for word in TO_HYDRA[:2]:
        words = [word.replace("MARKER", str(marker)), "seed=abc", f"paths.outputs={tmp_path}/outputs"]
        commands("train", "-m", *words, cwd=tmp_path)
        assert marker.exists(), word
        marker.unlink()


@pytest.mark.parametrize("word", TO_HYDRA)
def test_words_to_hydra_are_left_out_of_what_a_run_says(run: Path, marker: Path, word: str, tmp_path: Path) -> None:
    hostile = word.replace("MARKER", str(marker))
    (run / ".hydra" / "overrides.yaml").write_text(yaml.dump(["seed=1", hostile]))
    assert stored_overrides(run) == ["seed=1"]
    (tmp_path / "sweep.json").write_text(json.dumps({"overrides": ["seed=1", hostile]}))
    assert sweep_overrides(tmp_path, [])[:-2] == ["seed=1"]


@pytest.mark.parametrize("word", mostly_slow(TO_HYDRA, TO_HYDRA[0]))
def test_a_sweep_goes_on_without_the_words_to_hydra(
    commands: Commands, whole: Path, marker: Path, word: str, tmp_path: Path
) -> None:
    sweep = tmp_path / "sweep"
    shutil.copytree(whole, sweep / "0")
    words = [word.replace("MARKER", str(marker)), *SHORT]
    (sweep / "sweep.json").write_text(json.dumps({"overrides": words}))
    result = commands("train", f"resume={sweep}", f"paths.outputs={tmp_path}/outputs", cwd=tmp_path)
    assert (result.code, result.errors) == (0, "")
    assert not marker.exists()


def say(run: Path, sweep: Path, word: str, marker: Path) -> None:
    """Make a run and a new sweep of a word."""
    words = [*SHORT, word.replace("MARKER", str(marker))]
    sweep.mkdir()
    (sweep / "sweep.json").write_text(json.dumps({"overrides": words}))
    (run / ".hydra" / "overrides.yaml").write_text(yaml.dump(words))


@pytest.mark.parametrize("word", mostly_slow(REFUSED, "--config-dir=MARKER"))
def test_words_of_a_stranger_are_refused(
    commands: Commands, run: Path, marker: Path, word: str, tmp_path: Path
) -> None:
    sweep = tmp_path / "sweep"
    say(run, sweep, word, marker)
    before = contents(run)
    for folder, more in ((run, ["images=1280"]), (sweep, [])):
        result = commands("train", f"resume={folder}", *more, f"paths.outputs={tmp_path}/outputs", cwd=tmp_path)
        assert refused_in_a_line(result), result
        assert contents(run) == before
        assert list(contents(sweep)) == ["sweep.json"]
        assert not marker.exists()


@pytest.mark.parametrize("word", mostly_slow(UNTRUSTED, BITING_WORD))
def test_targets_in_the_words_of_a_stranger_are_not_built(
    commands: Commands, run: Path, marker: Path, word: str, tmp_path: Path
) -> None:
    """The words of a run are not what is built, but those of a sweep are."""
    sweep = tmp_path / "sweep"
    say(run, sweep, word, marker)
    assert commands("train", f"resume={run}", "seed=0", cwd=tmp_path).code == 0
    result = commands("train", f"resume={sweep}", f"paths.outputs={tmp_path}/outputs", cwd=tmp_path)
    assert result.code in (1, 2)
    assert re.match(r"error: .* asks for something outside|job 0 failed: .* is not allowed", result.errors)
    assert not marker.exists()


SWEEPS = {
    "text": '{"overrides": "seed=1"}',
    "numbers": '{"overrides": [1]}',
    "null": '{"overrides": null}',
    "list": "[]",
    "nothing": "",
    "depth": "[" * 100_000,
    "no UTF-8": "\udcff",
}


@pytest.mark.parametrize("case", SWEEPS)
def test_sweep_that_says_nonsense_is_refused(tmp_path: Path, case: str) -> None:
    (tmp_path / "sweep.json").write_bytes(SWEEPS[case].encode(errors="surrogateescape"))
    with pytest.raises(ValueError, match="does not say how the sweep was started"):
        sweep_overrides(tmp_path, [])


def plan(folder: Path, **changes: Any) -> None:
    settings = {"trials": 1, "jobs": 1, "seed": 0, "pruner": "none", "prune_after_trials": 2, "prune_after_images": 0}
    words = [*SHORT, "seed=range(1,3)"]
    told = {"overrides": words, "default_space": [], "monitor": "fid_classifier", "mode": "min", "settings": settings}
    (folder / "search.json").write_text(json.dumps(told | {"directory": str(folder)} | changes))


PLANS: dict[str, dict[str, Any]] = {
    "to hydra": {"overrides": ["+hydra.callbacks.x._target_=os.system", "seed=1,2"]},
    "group of hydra": {"overrides": ["hydra/launcher=../../evil", "seed=1,2"]},
    "flag": {"overrides": ["--config-dir=MARKER", "seed=1,2"]},
    "text": {"overrides": "seed=1,2"},
    "numbers": {"overrides": [1, 2]},
    "no settings": {"settings": {}},
    "unknown part": {"evil": 1},
    "huge": {"overrides": ["seed=range(0,9" + "9" * 400 + ")"]},
    "directory": {"directory": "/nowhere"},
}


@pytest.mark.parametrize("case", mostly_slow(PLANS, "to hydra", "huge"))
def test_hostile_plan_of_a_search_is_refused(commands: Commands, marker: Path, case: str, tmp_path: Path) -> None:
    plan(tmp_path, **PLANS[case])
    result = commands("search", f"resume={tmp_path}", cwd=tmp_path, seconds=20)
    assert result.code == 2, result
    assert len(result.errors.splitlines()) == 1
    assert not marker.exists()


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["configuration", "checkpoint", "words"])
def test_hostile_trial_of_a_search_fails(
    commands: Commands, run: Path, marker: Path, kind: str, tmp_path: Path
) -> None:
    """A trial is a process of its own, which may be started twice."""
    folder = tmp_path / "search"
    trial = folder / "trials" / "0"
    shutil.copytree(run, trial)
    plan(folder)
    if kind == "configuration":
        content = config_of(run)
        put(content, "callbacks.x", {"_target_": "os.system", **armed(marker)["os.system"]})
        with_config(trial, content)
    elif kind == "checkpoint":
        with_checkpoint(trial, "in callbacks", marker)
    else:
        shutil.rmtree(trial)
        plan(folder, overrides=[*SHORT, "seed=range(1,3)", BITING_WORD.replace("MARKER", str(marker))])
    distributions = {"seed": IntDistribution(1, 2)}
    study = create_study(storage=f"sqlite:///{folder}/search.db", study_name="search")
    study.add_trial(create_trial(state=TrialState.RUNNING, params={"seed": 1}, distributions=distributions))
    result = commands("search", f"resume={folder}", cwd=tmp_path, seconds=120)
    assert result.code != 0
    assert "Traceback" not in result.errors
    assert "trial 0 failed" in result.output
    assert not marker.exists()
