"""Run folders and their records, through whole command lines and through `run_and_record` alone."""

import csv
import json
import shlex
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import torch
from omegaconf import DictConfig, OmegaConf
from safetensors import safe_open

from ganforge.artifacts.records import write_json
from ganforge.faults import Stopped
from ganforge.launch.claim import claimed
from ganforge.launch.grammar import as_typed, parse
from ganforge.launch.job import Job, begin_or_go_on, run_and_record, was_begun
from ganforge.launch.messages import resume_override

from ..conftest import ROOT, TINY
from ..security.commands import Commands
from ..security.conftest import commands as commands
from ..security.conftest import refused_in_a_line
from ..security.conftest import run as run
from ..security.conftest import whole as whole

QUICK = [*TINY["mlp"], "metrics=none", "logger=none", "images=128", "data.image_size=16"]
MISTAKE = "data.batch_size=5000"


def files(folder: Path) -> dict[str, bytes | None]:
    found = {str(path): path.read_bytes() if path.is_file() else None for path in folder.rglob("*")}
    return {name: content for name, content in found.items() if not name.endswith(".lock")}


def status(folder: Path) -> dict:
    return json.loads((folder / "status.json").read_text())


@pytest.mark.parametrize(
    ("words", "place"),
    [
        (["hydra.run.dir=mine"], "."),
        (["hydra.run.dir=."], "mine"),
        (["paths.outputs=mine"], "."),
        (["hydra.run.dir=mine/new/run"], "."),
        (["hydra.run.dir=mine", "hydra/job_logging=default", "hydra.output_subdir=.hydra"], "."),
    ],
)
def test_a_mistake_leaves_what_was_there_as_it_was(
    commands: Commands, tmp_path: Path, words: list[str], place: str
) -> None:
    (tmp_path / "mine").mkdir()
    result = commands("train", *QUICK, MISTAKE, *words, cwd=tmp_path / place)
    assert refused_in_a_line(result), result
    assert [path.name for path in tmp_path.rglob("*")] == ["mine"]


def test_a_name_with_the_time_in_it_is_free_to_change(commands: Commands, tmp_path: Path) -> None:
    for _ in range(2):
        assert commands("train", *QUICK, "hydra.run.dir=runs/${now:%Y}_x", cwd=tmp_path).code == 0
        assert commands("train", "-m", *QUICK, "hydra.sweep.dir=sweeps/${now:%Y}_x", cwd=tmp_path).code == 0
    runs, sweeps = (sorted(path.name[4:] for path in (tmp_path / kind).iterdir()) for kind in ("runs", "sweeps"))
    assert runs == sweeps == ["_x", "_x_2"]
    assert all((sweep / "0" / "status.json").exists() for sweep in (tmp_path / "sweeps").iterdir())
    assert all((sweep / "sweep.json").exists() for sweep in (tmp_path / "sweeps").iterdir())


def test_hydra_may_write_its_own_files_there(commands: Commands, tmp_path: Path) -> None:
    words = ["hydra/job_logging=default", "hydra.output_subdir=.hydra", "hydra.run.dir=run"]
    result = commands("train", *QUICK, *words, cwd=tmp_path)
    assert (result.code, status(tmp_path / "run")["state"]) == (0, "finished"), result


def test_every_job_of_a_sweep_is_in_the_ranking(commands: Commands, tmp_path: Path) -> None:
    words = ["seed=1,2", "hydra.sweep.subdir=same", "hydra.sweep.dir=sweep"]
    result = commands("train", "-m", *QUICK, *words, cwd=tmp_path)
    assert result.code == 1
    assert "same is the folder of another job: hydra.sweep.subdir must tell them apart" in result.errors
    with (tmp_path / "sweep" / "ranking.csv").open() as file:
        assert [(row["number"], row["state"]) for row in csv.DictReader(file)] == [("0", "finished"), ("1", "failed")]


def test_a_sweep_does_not_write_into_another(commands: Commands, tmp_path: Path) -> None:
    (tmp_path / "sweep").mkdir()
    (tmp_path / "sweep" / "sweep.json").write_text("of another")
    result = commands("train", "-m", *QUICK, "hydra.sweep.dir=sweep", cwd=tmp_path)
    assert refused_in_a_line(result)
    assert "sweep is not empty: go on with resume=, or choose another hydra.sweep.dir" in result.errors
    assert (tmp_path / "sweep" / "sweep.json").read_text() == "of another"


def test_a_sweep_goes_on_in_the_folders_of_its_jobs(commands: Commands, tmp_path: Path) -> None:
    place = "hydra.sweep.subdir=${hydra.job.num}_x"
    assert commands("train", "-m", *QUICK, "hydra.sweep.dir=sweep", place, cwd=tmp_path).code == 0
    refused = commands("train", "resume=sweep", cwd=tmp_path)
    assert refused_in_a_line(refused)
    assert f"type '{place}' again" in refused.errors
    assert "was finished before" in commands("train", "resume=sweep", place, cwd=tmp_path).output
    assert [path.name for path in (tmp_path / "sweep").iterdir() if path.is_dir()] == ["0_x"]


@pytest.mark.parametrize("name", ["run", "a b", "a,b", "it's", "null", "2024", "x (1)"])
def test_the_word_that_goes_on_can_be_pasted(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (word,) = shlex.split(resume_override(tmp_path / name))
    assert parse(as_typed(word)).value() == name


def test_brackets_in_a_path_are_shown(commands: Commands, tmp_path: Path) -> None:
    result = commands("train", *QUICK, 'hydra.run.dir="[red]:x:"', cwd=tmp_path)
    assert "samples  [red]:x:/samples/" in result.output


@pytest.mark.parametrize("launcher", ["basic", "joblib"])
def test_a_log_file_shows_life_without_metrics(commands: Commands, tmp_path: Path, launcher: str) -> None:
    """Launchers are for sweeps: the one that shows no progress changes nothing in a single run."""
    words = ["images=640", "log_every=64", "save_every=256", f"hydra/launcher={launcher}"]
    result = commands("train", *QUICK, *words, "hydra.run.dir=run", cwd=tmp_path)
    assert [line.split(" images")[0] for line in result.output.splitlines()[:-3]] == ["256", "512", "640"]


def test_weights_carry_no_place_on_this_computer(whole: Path) -> None:
    with safe_open(whole / "generator.safetensors", "pt") as file:
        metadata = file.metadata()["config"]
    assert str(whole.parent) not in metadata
    assert str(ROOT) not in metadata


@pytest.mark.parametrize(
    ("word", "message"),
    [("images=0", "the budget must be at least one image"), ("images=64", "this run has seen 640 images already")],
)
def test_a_refused_word_changes_nothing(commands: Commands, run: Path, word: str, message: str) -> None:
    write_json(run / "status.json", {"state": "running"})
    before = files(run)
    result = commands("train", f"resume={run}", word, cwd=run)
    assert refused_in_a_line(result)
    assert message in result.errors
    assert files(run) == before


@pytest.mark.parametrize(("old", "new"), [("seed: 0", "seed: 1"), ("- 8", "- 12"), ("Saturating", "Saturatin")])
def test_a_configuration_that_was_edited_is_another_run(commands: Commands, run: Path, old: str, new: str) -> None:
    config = run / ".hydra" / "config.yaml"
    config.write_text(config.read_text().replace(old, new))
    before = files(run)
    result = commands("train", f"resume={run}", "images=960", cwd=run)
    assert refused_in_a_line(result), result
    assert files(run) == before


def test_a_checkpoint_of_another_run_is_refused_with_the_difference(commands: Commands, run: Path) -> None:
    last = run / "checkpoints" / "last.ckpt"
    checkpoint = torch.load(last, weights_only=True)
    checkpoint["hyper_parameters"]["optimizer"]["generator"]["lr"] = 0.5
    torch.save(checkpoint, last)
    before = files(run)
    result = commands("train", f"resume={run}", "images=960", cwd=run)
    assert refused_in_a_line(result)
    assert "last.ckpt was saved by another run (optimizer.generator.lr: 0.5 -> " in result.errors
    assert files(run) == before


def test_a_run_without_its_checkpoints_says_that_it_starts_again(commands: Commands, run: Path) -> None:
    shutil.rmtree(run / "checkpoints")
    result = commands("train", f"resume={run}", cwd=run.parent)
    assert result.output.startswith("going on at 0 of 640 images: there is no checkpoint in run\n")
    assert status(run) == status(run) | {"state": "finished", "images_seen": 640}


def test_data_may_move_but_not_change(commands: Commands, tmp_path: Path) -> None:
    def pictures(name: str, seed: int) -> None:
        images = np.random.default_rng(seed).integers(0, 256, (60, 16, 16), dtype=np.uint8)
        np.savez(tmp_path / f"{name}.npz", images=images)

    for name, seed in (("here", 0), ("moved", 0), ("other", 1)):
        pictures(name, seed)
    words = [*QUICK, "data=arrays", "data.path=here.npz", "data.batch_size=16", "hydra.run.dir=run"]
    assert commands("train", *words, cwd=tmp_path).code == 0
    assert commands("train", "resume=run", "images=256", "data.path=moved.npz", cwd=tmp_path).code == 0
    before = files(tmp_path / "run")
    result = commands("train", "resume=run", "images=512", "data.path=other.npz", cwd=tmp_path)
    assert refused_in_a_line(result)
    assert "last.ckpt was saved by another run (training_images: " in result.errors
    assert files(tmp_path / "run") == before


def test_a_finished_run_with_a_larger_budget_that_was_killed_at_once_is_not_complete(
    commands: Commands, run: Path
) -> None:
    write_json(run / "status.json", {"state": "finished", "images_seen": 640})
    config = OmegaConf.load(run / ".hydra" / "config.yaml")
    config.images = 960
    OmegaConf.save(config, run / ".hydra" / "config.yaml")
    assert commands("train", f"resume={run}", cwd=run.parent).code == 0
    assert status(run)["images_seen"] == 960


def test_a_job_that_a_scheduler_starts_again_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_json(tmp_path / "status.json", {"state": "interrupted"})
    config = OmegaConf.create({"resume": None, "paths": {"run": None}})
    with pytest.raises(ValueError, match="is not empty: go on with resume="):
        begin_or_go_on(Job(tmp_path, []), config, lambda config, job: 0.5)
    monkeypatch.setenv("SLURM_RESTART_COUNT", "1")
    assert begin_or_go_on(Job(tmp_path, []), config, lambda config, job: float(job.resumed)) == 1


def test_a_job_of_a_sweep_was_begun_before_only_where_the_sweep_goes_on(tmp_path: Path) -> None:
    """In a new sweep, what is in its folder is Hydra's."""
    (tmp_path / ".hydra").mkdir()
    job = Job(tmp_path, [], in_sweep=True)
    assert not was_begun(job, goes_on=False)
    assert was_begun(job, goes_on=True)


def ending(reached: str | None, error: BaseException, checkpoint: bool = False) -> Callable:
    """A run that came so far and then ended by `error`."""

    def train(config: DictConfig, job: Job) -> None:
        if reached is not None:
            job.begun = True
            write_json(job.folder / "status.json", job.status(reached))
        if checkpoint:
            (job.folder / "checkpoints").mkdir()
            (job.folder / "checkpoints" / "last.ckpt").touch()
        raise error

    return train


def recorded(folder: Path, train: Callable, **facts: bool) -> Path:
    job = Job(folder, [], claim=claimed(folder, may_rename=False), **facts)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ganforge.launch.job.print", lambda *_, **__: None, raising=False)
        with suppress(SystemExit, ValueError, OSError):
            run_and_record(job, OmegaConf.create({"paths": {"run": None}}), train)
    return folder


@pytest.mark.parametrize("error", [ValueError("x"), KeyboardInterrupt(), Stopped(15, 64)])
def test_a_run_that_did_not_train_leaves_no_trace(tmp_path: Path, error: BaseException) -> None:
    assert not recorded(tmp_path / "refused", ending(None, error)).exists()
    assert not recorded(tmp_path / "starting", ending("starting", error)).exists()


@pytest.mark.parametrize(
    ("error", "state"),
    [(ValueError("x"), "failed"), (KeyboardInterrupt(), "interrupted"), (Stopped(15, 64), "interrupted")],
)
def test_a_run_that_trained_is_kept_and_recorded(tmp_path: Path, error: BaseException, state: str) -> None:
    assert status(recorded(tmp_path / "run", ending("running", error)))["state"] == state


def test_checkpoints_stay_even_where_no_status_was_written(tmp_path: Path) -> None:
    run = recorded(tmp_path / "run", ending(None, ValueError("x"), checkpoint=True))
    assert (run / "checkpoints" / "last.ckpt").exists()


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), SystemExit(1), KeyboardInterrupt()])
@pytest.mark.parametrize("state", ["finished", "ended"])
def test_what_happens_while_the_summary_is_shown_does_not_change_the_record(
    tmp_path: Path, state: str, error: BaseException
) -> None:
    assert status(recorded(tmp_path / "run", ending(state, error)))["state"] == state
