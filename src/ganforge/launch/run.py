"""A run from its first file to the summary that a user sees at the end."""

from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from ganforge.artifacts.checkpoints import Checkpoint, newest
from ganforge.artifacts.evaluations import RECORDS, RESCORED, best_of_training, lines_by, training_lines
from ganforge.artifacts.files import replacing
from ganforge.artifacts.records import append_line, leaves, read_lines, replace_lines, write_json
from ganforge.callbacks.status import Status
from ganforge.configuration.build import Experiment, build
from ganforge.configuration.references import leads_outside, resolved
from ganforge.faults import Diverged
from ganforge.launch.cluster import rank
from ganforge.launch.job import Job
from ganforge.launch.messages import in_shell, shown
from ganforge.launch.same_run import (
    refuse_checkpoint_beyond_budget,
    refuse_checkpoint_of_another_run,
    refuse_unfit_weights,
)
from ganforge.launch.stored import stored_status
from ganforge.launch.transfer import begin_with, refuse_untrained_networks
from ganforge.process.terminal import plain_console, warn
from ganforge.scoring.detection import in_words, last_record
from ganforge.scoring.table import score_table

ROLLBACKS = "rollbacks.jsonl"
MOST_ROLLBACKS = 3
LEFT = ("generator.safetensors", "detector.safetensors")
"""What a run leaves: the first of these that is there."""


def fit(config: DictConfig, job: Job) -> None:
    """Train until the budget is spent, from the newest checkpoint where there is one.

    With `training.on_nan=rollback` a divergence returns to that checkpoint, with another random stream and half the
    learning rates, at most three times in the life of a run.
    """
    start = newest(job.folder / "checkpoints", warn) if job.resumed else None
    rewrite_from = (start.rewrite_from if start else 0) if job.resumed else None
    while True:
        experiment = build(config, job.in_sweep, rewrite_from)
        experiment.system.rollbacks = len(read_lines(job.folder / ROLLBACKS))
        if start:
            refuse_unfit(start, experiment)
        said = begun(config, experiment) if not start else None
        begin(config, job)
        callbacks: list[Any] = experiment.trainer.callbacks  # type: ignore[attr-defined]
        callbacks.insert(0, Status(job.folder / "status.json", job.status("starting"), config.images))
        forget_what_comes_again(job.folder, rewrite_from)
        if said:
            say(said, job)
        if config.get("note") and not job.resumed:
            say(config.note, job)
        if start:
            say(f"going on at {start.images_seen:,} of {config.images:,} images", job)
        elif job.resumed:
            say(f"going on at 0 of {config.images:,} images: there is no checkpoint in {shown(job.folder)}", job)
        try:
            return experiment.fit(None if start is None else start.path)
        except Diverged as divergence:
            if config.training.on_nan != "rollback" or experiment.system.rollbacks == MOST_ROLLBACKS:
                raise
            start = newest(job.folder / "checkpoints", warn)
            rewrite_from = start.rewrite_from if start else 0
            roll_back(job, str(divergence), start)


def begun(config: DictConfig, experiment: Experiment) -> str | None:
    """Take over what `init_from=` brings, and say what that is."""
    if config.get("init_from"):
        return begin_with(Path(config.init_from), experiment.system)
    refuse_untrained_networks(experiment.system)
    return None


def refuse_unfit(start: Checkpoint, experiment: Experiment) -> None:
    """ValueError where the checkpoint is not one that this run can go on from."""
    system = experiment.system
    refuse_checkpoint_of_another_run(start.path, start.state["hyper_parameters"], dict(system.hparams))
    refuse_unfit_weights(start.path, start.state["state_dict"], system.state_dict())
    refuse_checkpoint_beyond_budget(start.images_seen, experiment.config.images, experiment.images_per_round)


def begin(config: DictConfig, job: Job) -> None:
    """The first that a run changes in its folder; whatever is refused is refused before."""
    if rank() > 0 or job.begun:
        return
    job.begun = True
    write_configuration(config, job)
    write_json(job.folder / "status.json", job.status("starting"))


def roll_back(job: Job, reason: str, start: Checkpoint | None) -> None:
    images_seen = start.images_seen if start else 0
    number = len(read_lines(job.folder / ROLLBACKS)) + 1
    if rank() == 0:
        record = {"reason": reason, "back_to": images_seen, "learning_rates": f"times {0.5**number:g}"}
        append_line(job.folder / ROLLBACKS, record)
    warn(f"{reason}. Back to {images_seen:,} images with half the learning rates ({number} of {MOST_ROLLBACKS})")


def say(message: str, job: Job) -> None:
    if not job.in_sweep and rank() == 0:
        print(message)


def write_configuration(config: DictConfig, job: Job) -> None:
    """The configuration with its inner references, so that a change of one value reaches all that follow from it."""
    config = config.copy()
    config.resume = None
    for name, content in (("config", self_contained(config)), ("overrides", job.overrides)):
        with replacing(job.folder / ".hydra" / f"{name}.yaml") as file:
            file.write(OmegaConf.to_yaml(OmegaConf.create(content)).encode())


def self_contained(config: DictConfig) -> DictConfig:
    """Without references to the environment."""
    for path, text in leaves(OmegaConf.to_container(config, resolve=False)):
        if leads_outside(text):
            value = OmegaConf.select(config, path)
            OmegaConf.update(config, path, resolved(value) if OmegaConf.is_config(value) else value)
    return config


def forget_what_comes_again(folder: Path, rewrite_from: int | None) -> None:
    """Drop the evaluations that a resumed run will make once more; those that `evaluate.py` made stay."""
    records = folder / RECORDS
    if rank() == 0 and rewrite_from is not None and records.exists():
        lines = read_lines(records)
        replace_lines(
            records, [line for line in lines if line.get("by") == RESCORED or line["images_seen"] < rewrite_from]
        )


def show_summary(config: DictConfig, job: Job) -> float | None:
    """Print the scores beside those of real images, and where everything is; returns the best monitored score.

    In a sweep nothing is printed here: its ranking comes at the end.
    """
    folder = job.folder
    best = best_of_training(folder) if config.metrics.monitor else None
    score = None if best is None else best["scores"][config.metrics.monitor]
    if job.in_sweep or rank() > 0:
        return score
    console = plain_console()
    status = stored_status(folder)
    if status.get("state") == "ended":
        console.print(f"ended at {status['images_seen']:,} of {config.images:,} images")
    if best is not None:
        last = training_lines(folder)[-1]
        moments = {f"best, {best['images_seen']:,}": best["scores"], f"last, {last['images_seen']:,}": last["scores"]}
        console.print(score_table(best, moments))
    if errors := lines_by(folder, "test_error"):
        error, stamp = errors[-1]["scores"]["test_error"], errors[-1]["stamp"]
        console.print(f"test error {error:.2%} of {stamp['real_images']:,} images, with {stamp['labels']:,} labels")
    if (detection := last_record(folder)) is not None:
        console.print(in_words(detection))
    where = shown(folder)
    weights = next((name for name in LEFT if (folder / name).exists()), LEFT[0])
    for name, path in (
        ("samples", f"{where}/samples/"),
        ("weights", f"{where}/{weights}"),
        *([("classify", f"{where}/classifier.safetensors")] if errors else []),
        ("look", f"tensorboard --logdir {in_shell(where)}"),
    ):
        console.print(f"{name:8} {path}", soft_wrap=True)
    return score
