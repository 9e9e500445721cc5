"""One job in its run folder: claimed before it starts, trained, and recorded however it ends."""

import os
import subprocess
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from signal import SIGINT
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.experimental.callback import Callback
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf, read_write
from omegaconf.errors import OmegaConfBaseException

from ganforge.artifacts.files import Taken, locked
from ganforge.artifacts.records import write_json
from ganforge.faults import Interrupted, Stopped
from ganforge.launch.claim import Claim, claimed
from ganforge.launch.cluster import rank, requeued
from ganforge.launch.grammar import quoted
from ganforge.launch.messages import complain, complaining, mistake_of_the_user, resume_override, shown
from ganforge.launch.overrides import typed_overrides
from ganforge.launch.stored import stored_config, stored_status
from ganforge.process.signals import forwarding_signals, handled_by, is_worker

ENDED_BY_ITSELF = ("finished", "ended")
"""States that nothing can change afterwards: the budget is spent, or Lightning ended the run before it was."""
claims: dict[Path, Claim] = {}


@dataclass
class Job:
    """One run: its folder, the overrides that led to it, its place in a sweep, and whether it was begun before.

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
    """One job of Hydra's in its run folder. In a sweep a failure lets the next job go on."""
    hydra = HydraConfig.get()
    in_sweep = hydra.mode == RunMode.MULTIRUN
    if in_sweep and "BasicLauncher" not in hydra.launcher._target_ and "progress" in config.callbacks:
        config.callbacks.progress.show = False
    folder = Path(hydra.runtime.output_dir)
    overrides = [override for override in typed_overrides(hydra) if not override.startswith("resume=")]
    job = Job(folder, overrides, hydra.job.num if in_sweep else 0, in_sweep, claim=claims.get(folder))
    if not in_sweep:
        with complaining():
            return begin_or_go_on(job, config, train)
    try:
        return begin_or_go_on(job, config, train)
    except FolderTaken as error:
        complain(error)
        record_beside(job, str(error))
    except Exception as error:
        print(f"job {folder.name} failed: {mistake_of_the_user(error) or repr(error)}", file=sys.stderr)
    return None


def begin_or_go_on(job: Job, config: DictConfig, train: Train) -> float | None:
    """Train in the job's folder, which must be empty unless it is to go on there."""
    if job.in_sweep and stored_status(job.folder).get("number", job.number) != job.number:
        raise FolderTaken(f"{job.folder} is the folder of another job: hydra.sweep.subdir must tell them apart")
    goes_on = bool(rank() > 0 or config.resume or requeued())
    job.resumed = was_begun(job, goes_on)
    if job.resumed and not goes_on:
        raise ValueError(f"{job.folder} is not empty: go on with resume=, or choose another hydra.run.dir")
    if stored_status(job.folder).get("state") == "finished":
        print(f"job {job.folder.name}: {' '.join(job.overrides)}: was finished before")
        return None
    begun = job.resumed and (job.folder / ".hydra" / "config.yaml").exists()
    return run_and_record(job, stored_config(job.folder) if begun else config, train)


def was_begun(job: Job, goes_on: bool) -> bool:
    """Whether the folder was in use before this process came; Hydra may have written its own files there since."""
    if job.claim is not None:
        return not job.claim.was_empty
    if job.in_sweep and not goes_on:  # the sweep's folder was empty
        return False
    return rank() > 0 or any(job.folder.iterdir())


def record_beside(job: Job, message: str) -> None:
    """Beside the folder that another has, so that the ranking knows of the job."""
    own = job.folder.with_name(f"{job.folder.name}_{job.number}")
    write_json(own / "status.json", job.status("failed", error=message))


def run_and_record(job: Job, config: DictConfig, train: Train) -> float | None:
    """Train in the run folder; how it ended is in `status.json`."""
    config.paths.run = str(job.folder)
    try:
        with alone_in(job.folder), forwarding_signals() as received:
            score = train(config, job)
    except FolderTaken:
        raise
    except Stopped as stop:
        stop = Stopped(received[0], stop.images_seen) if received else stop
        record_end(job, "interrupted", images_seen=stop.images_seen)
        if is_worker():
            return None
        saved = "and saved" if any(job.folder.glob("checkpoints/*.ckpt")) else "and nothing was saved"
        print(f"stopped by {stop.signal_number.name} at {stop.images_seen:,} images, {saved}", file=sys.stderr)
        requeue_or_announce(job, stop)
        raise Interrupted(stop.signal_number) from stop
    except (KeyboardInterrupt, SystemExit) as end:
        when = record_end(job, "interrupted")
        if is_worker():
            return None
        print(f"interrupted {when}", file=sys.stderr)
        raise Interrupted(SIGINT) if isinstance(end, KeyboardInterrupt) else end from None
    except Exception as error:
        record_end(job, "failed", error=mistake_of_the_user(error) or traceback.format_exc())
        raise
    if job.in_sweep:
        result = stored_status(job.folder).get("state") if score is None else format(score, ".4g")
        print(f"job {job.folder.name}: {' '.join(job.overrides)}: {result}")
    return score


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


def requeue_or_announce(job: Job, stop: Stopped) -> None:
    """Ask the scheduler to start the job again, or say how to go on."""
    scheduler = handled_by(stop.signal_number)
    if stop.signal_number.name == "SIGUSR1" and "SLURM_JOB_ID" in os.environ:
        if rank() == 0:
            subprocess.run(["scontrol", "requeue", os.environ["SLURM_JOB_ID"]], check=True)
    elif scheduler is not None:
        scheduler(stop.signal_number, None)
    else:
        announce_resume(job.folder.parent if job.in_sweep else job.folder)


def announce_resume(folder: Path) -> None:
    print(f"go on with: python src/train.py {resume_override(folder)}", file=sys.stderr)


class FolderTaken(ValueError):
    """The folder is that of another job of the sweep, or another process trains in it."""


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
            raise FolderTaken(f"{shown(folder)} is being trained by another process") from None
        yield
