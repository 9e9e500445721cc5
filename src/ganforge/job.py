"""One job in its run folder: claimed before it starts, trained, and recorded however it ends."""

import os
import subprocess
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.experimental.callback import Callback
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf, read_write
from omegaconf.errors import OmegaConfBaseException

from ganforge import command
from ganforge.artifacts.files import Taken, locked
from ganforge.artifacts.records import write_json
from ganforge.claim import Claim, claimed
from ganforge.command import complain, mistake_of_the_user, rank, requeued, resume_word, shown, typed_words
from ganforge.faults import Killed, Stopped
from ganforge.signals import forwarding_signals, handled_by, is_worker
from ganforge.stored import stored_config, stored_status
from ganforge.words import quoted

ENDED_BY_ITSELF = ("finished", "ended")
"""States that nothing can change afterwards: the budget is spent, or Lightning ended the run before it was."""
claims: dict[Path, Claim] = {}


@dataclass
class Job:
    """One run: its folder, the words that led to it, its place in a sweep, and whether it was begun before.

    `claim` says what this process made of the folder; `begun`, whether this process has changed what is in it.
    """

    folder: Path
    overrides: list[str]
    number: int = 0
    in_sweep: bool = False
    resumed: bool = False
    claim: Claim | None = None
    begun: bool = False

    def status(self, state: str, **facts: Any) -> dict[str, Any]:
        """What `status.json` says."""
        return {"state": state, "number": self.number, "overrides": self.overrides, "error": "", **facts}


Train = Callable[[DictConfig, Job], float | None]


class Folders(Callback):
    """Makes the folder of a run or a sweep before Hydra does, so that two that start at once never share one.

    A name with the time in it is free to change; one that was typed, or that a scheduler's job number gives, is not.
    Hydra shows an exception of a callback as a warning, so what cannot be made is left to Hydra to complain about.
    """

    def on_run_start(self, config: DictConfig, **_: Any) -> None:
        HydraConfig.instance().set_config(config)  # which `${hydra:...}` in the name asks
        claim_folder(config, config.hydra.run)

    def on_multirun_start(self, config: DictConfig, **_: Any) -> None:
        claim = claim_folder(config, config.hydra.sweep)
        if claim is None:
            return
        if not claim.was_empty:
            message = f"{claim.folder} is not empty: go on with resume=, or choose another hydra.sweep.dir"
            raise SystemExit(complain(ValueError(message)))
        config.hydra.overrides.hydra.append(f"hydra.sweep.dir={quoted(claim.folder)}")  # each job composes anew


def claim_folder(config: DictConfig, node: Any) -> Claim | None:
    """Claim `node.dir` and write there what it is called; None for what others have begun."""
    if config.resume or rank() > 0 or requeued():
        return None
    with suppress(OSError, OmegaConfBaseException):
        written: Any = OmegaConf.to_container(node, resolve=False)
        claim = claimed(Path(node.dir).resolve(), may_rename="${now:" in written["dir"])
        with read_write(config.hydra):
            node.dir = str(claim.folder)
        claims[claim.folder] = claim
        return claim
    return None


def run_job(config: DictConfig, train: Train) -> float | None:
    """One job of Hydra's in its run folder, which must be empty unless a job is to go on there."""
    hydra = HydraConfig.get()
    in_sweep = hydra.mode == RunMode.MULTIRUN
    if in_sweep and "BasicLauncher" not in hydra.launcher._target_ and "progress" in config.callbacks:
        config.callbacks.progress.show = False
    folder = Path(hydra.runtime.output_dir)
    overrides = [word for word in typed_words(hydra) if not word.startswith("resume=")]
    job = Job(folder, overrides, hydra.job.num if in_sweep else 0, in_sweep, claim=claims.get(folder))
    if in_sweep and stored_status(folder).get("number", job.number) != job.number:
        message = f"{folder} is the folder of another job: hydra.sweep.subdir must tell them apart"
        refuse_shared_folder(job, message)
        return None
    goes_on = bool(rank() > 0 or config.resume or requeued())
    job.resumed = was_begun(job, goes_on)
    if job.resumed and not goes_on:
        message = f"{folder} is not empty: go on with resume=, or choose another hydra.run.dir"
        command.exit_code = complain(ValueError(message))
        return None
    if stored_status(folder).get("state") == "finished":
        print(f"job {folder.name}: {' '.join(overrides)}: was finished before")
        return None
    try:
        begun = job.resumed and (folder / ".hydra" / "config.yaml").exists()
        return perform(job, stored_config(folder) if begun else config, train)
    except ValueError as error:
        command.exit_code = complain(error)
        return None


def was_begun(job: Job, goes_on: bool) -> bool:
    """Whether the folder was in use before this process came; Hydra may have written its own files there since."""
    if job.claim is not None:
        return not job.claim.was_empty
    if job.in_sweep and not goes_on:  # the sweep's folder was empty
        return False
    return rank() > 0 or any(job.folder.iterdir())


def refuse_shared_folder(job: Job, message: str) -> None:
    """Recorded beside the folder, so that the ranking knows of the job."""
    command.exit_code = complain(ValueError(message))
    own = job.folder.with_name(f"{job.folder.name}_{job.number}")
    write_json(own / "status.json", job.status("failed", error=message))


def perform(job: Job, config: DictConfig, train: Train) -> float | None:
    """Train in the run folder; how it ended is in `status.json`. In a sweep a failure lets the next job go on."""
    config.paths.run = str(job.folder)
    try:
        with alone_in(job.folder), forwarding_signals() as received:
            score = train(config, job)
        if job.in_sweep:
            result = stored_status(job.folder).get("state") if score is None else format(score, ".4g")
            print(f"job {job.folder.name}: {' '.join(job.overrides)}: {result}")
        return score
    except Busy as error:
        if job.in_sweep:
            refuse_shared_folder(job, str(error))
        else:
            command.exit_code = complain(error)
        return None
    except Stopped as stop:
        stop = Stopped(received[0], stop.images_seen) if received else stop
        record_end(job, "interrupted", images_seen=stop.images_seen)
        if is_worker():
            return None
        saved = "and saved" if any(job.folder.glob("checkpoints/*.ckpt")) else "and nothing was saved"
        print(f"stopped by {stop.signal_number.name} at {stop.images_seen:,} images, {saved}", file=sys.stderr)
        leave(job, stop)
        sys.exit(128 + stop.signal_number)
    except (KeyboardInterrupt, SystemExit) as end:
        when = record_end(job, "interrupted")
        if is_worker():
            return None
        print(f"interrupted {when}", file=sys.stderr)
        sys.exit(end.code if isinstance(end, SystemExit) else command.INTERRUPTED)
    except Exception as error:
        message = mistake_of_the_user(error)
        record_end(job, "failed", error=message or traceback.format_exc())
        if job.in_sweep:
            print(f"job {job.folder.name} failed: {message or repr(error)}", file=sys.stderr)
            return None
        if message is None:
            raise
        command.exit_code = complain(ValueError(message))
        if isinstance(error, Killed):
            command.exit_code = command.KILLED
        return None


def record_end(job: Job, state: str, **facts: Any) -> str:
    """Record how a run ended before its budget was spent, if the disk lets us; returns when that was, in words.

    A new run that did not come to the end of its first step leaves no trace, and a refused resume changes none.
    """
    reached = stored_status(job.folder).get("state") if job.begun else None
    if reached in ENDED_BY_ITSELF:
        return "after the run was complete"
    trained = reached not in (None, "starting")
    if rank() > 0:
        pass
    elif job.claim is not None and not trained:
        job.claim.withdraw()
    elif job.begun or job.in_sweep:
        with suppress(OSError):
            write_json(job.folder / "status.json", job.status(state, **facts))
    return "before the next checkpoint" if trained else "before there was anything new to save"


def leave(job: Job, stop: Stopped) -> None:
    """Say how to go on, or ask the scheduler to."""
    scheduler = handled_by(stop.signal_number)
    if stop.signal_number.name == "SIGUSR1" and "SLURM_JOB_ID" in os.environ:
        if rank() == 0:
            subprocess.run(["scontrol", "requeue", os.environ["SLURM_JOB_ID"]], check=True)
    elif scheduler is not None:
        scheduler(stop.signal_number, None)
    else:
        say_how_to_go_on(job.folder.parent if job.in_sweep else job.folder)


def say_how_to_go_on(folder: Path) -> None:
    print(f"go on with: python src/train.py {resume_word(folder)}", file=sys.stderr)


class Busy(ValueError):
    """Another process trains in this folder."""


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Inside, no other run may train in `folder`; the system lifts this when a process is killed."""
    if rank() > 0:
        yield
        return
    with ExitStack() as stack:
        try:
            stack.enter_context(locked(folder / ".lock"))
        except Taken:
            raise Busy(f"{shown(folder)} is being trained by another process") from None
        yield
