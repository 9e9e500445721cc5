"""The command line around a job: mistakes explained before anything starts, failures recorded."""

import gc
import logging
import os
import shutil
import subprocess
import sys
import textwrap
import threading
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from signal import SIGINT, SIGUSR1
from typing import Any, NoReturn

from filelock import FileLock, Timeout
from hydra._internal import utils
from hydra._internal.utils import get_args_parser
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from ganforge.artifacts.records import write_json
from ganforge.faults import Killed, Stopped
from ganforge.overrides import conf_folder, groups, refuse_bad_overrides
from ganforge.signals import forwarding_signals, handled_by
from ganforge.stored import stored_config, stored_status

LONGEST = 1000
"""Characters of a message."""
KILLED, USER_MISTAKE, INTERRUPTED = 1, 2, 128 + SIGINT
exit_code = 0


@dataclass(frozen=True)
class Job:
    """One run: its folder, the words that led to it, its place in a sweep, and whether it was begun before."""

    folder: Path
    overrides: list[str]
    number: int = 0
    in_sweep: bool = False
    resumed: bool = False


Train = Callable[[DictConfig, Job], float | None]
Resume = Callable[[list[str]], list[str] | None]


def main(entry: Callable[[], None], config_name: str, help_text: str, resume: Resume | None = None) -> int:
    """Run a Hydra entry point.

    `resume` gets the words of a command line with `resume=`; it goes on with a run itself, or returns the words of a
    sweep to go on with. The exit code is 0, 2 after a mistake of the user, 128 + its number after a signal, 1 for the
    rest.
    """
    try:
        run_line(entry, config_name, help_text, resume)
    except Exception as error:
        message = mistake_of_the_user(error)
        if message is None:
            raise
        return complain(ValueError(message))
    return exit_code


def run_line(entry: Callable[[], None], config_name: str, help_text: str, resume: Resume | None) -> None:
    parser = get_args_parser()
    parser.error = refuse_flags  # type: ignore[method-assign]
    arguments = parser.parse_intermixed_args()
    words = arguments.overrides
    flags = [word for word in sys.argv[1:] if word not in words]
    if arguments.help:
        print(help_text.format(groups=described_groups(config_name)).strip())
        return
    if not (arguments.hydra_help or arguments.info is not None or arguments.shell_completion):
        if resume is not None and not arguments.cfg and any(word.startswith("resume=") for word in words):
            sweep = resume(words)
            if sweep is None:
                return
            words, flags, arguments.multirun = sweep, [*flags, "--multirun"], True
        refuse_bad_overrides(words, arguments.multirun, config_name)
    sys.argv[1:] = [*flags, *words]
    utils.run_and_report = lambda func: func()  # Hydra would print a traceback of whatever is raised, and leave
    entry()


def refuse_flags(message: str) -> NoReturn:
    raise ValueError(f"{message} (--hydra-help shows Hydra's own flags)")


def described_groups(config_name: str) -> str:
    """Every group with its options, the default first, for a terminal of 80 columns."""
    defaults: dict[str, str] = {}
    for line in (conf_folder() / f"{config_name}.yaml").read_text().splitlines():
        group, _, option = line.strip().removeprefix("- ").partition(": ")
        defaults.setdefault(group, option)
    lines = []
    for group, options in sorted(groups().items()):
        ordered = sorted(options, key=lambda option: option != defaults.get(group))
        indent = " " * 14
        lines.append(textwrap.fill(f"  {group:<12}" + ", ".join(ordered), 79, subsequent_indent=indent))
    return "\n".join(lines)


@contextmanager
def importing() -> Iterator[None]:
    """Around the first import of PyTorch and what is built on it.

    Nothing that a module defines becomes garbage: looking for some meanwhile would take a fifth of the time, and the
    collector need never look there again.
    """
    if "torch" in sys.modules:
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def quiet() -> None:
    """Silence what libraries say about choices that are not the user's."""
    for name in ("lightning.pytorch", "lightning.fabric", "torch.distributed", "torch.multiprocessing.spawn"):
        logging.getLogger(name).setLevel(logging.ERROR)
    warnings.filterwarnings("ignore")
    threading.excepthook = quiet_writer
    os.environ |= {"PYTHONWARNINGS": "ignore", "TORCH_CPP_LOG_LEVEL": "ERROR"}


def quiet_writer(arguments: threading.ExceptHookArgs) -> None:
    """TensorBoard's writer hands a full disk on to the main thread, which says so; all else is shown."""
    if not isinstance(arguments.exc_value, OSError):
        threading.__excepthook__(arguments)


def complain(error: BaseException) -> int:
    if os.environ.get("HYDRA_FULL_ERROR") == "1":
        raise error
    print(f"error: {printable(str(error).strip() or type(error).__name__)}", file=sys.stderr)
    return USER_MISTAKE


def printable(line: str) -> str:
    """Without what could move a terminal's cursor or fill its screen."""
    return "".join(character if character.isprintable() else ascii(character)[1:-1] for character in line[:LONGEST])


def answer(config: DictConfig, question: Callable[[DictConfig], None]) -> None:
    """Run an entry point that starts no training; mistakes end in a line."""
    global exit_code
    try:
        with forwarding_signals():
            question(config)
    except SystemExit as end:
        print("interrupted", file=sys.stderr)
        exit_code = int(str(end.code))
    except Exception as error:
        message = mistake_of_the_user(error)
        if message is None:
            raise
        exit_code = complain(ValueError(message))


def run_job(config: DictConfig, train: Train) -> float | None:
    """One job of Hydra's in its run folder, which must be empty unless a job is to go on there."""
    global exit_code
    hydra = HydraConfig.get()
    folder = Path(hydra.runtime.output_dir)
    in_sweep = hydra.mode == RunMode.MULTIRUN
    if in_sweep and "BasicLauncher" not in hydra.launcher._target_ and "progress" in config.callbacks:
        config.callbacks.progress.show = False
    resumed = rank() > 0 or any(folder.iterdir())
    if resumed and not (rank() > 0 or config.resume or requeued()):
        exit_code = complain(ValueError(f"{folder} is not empty: go on with resume=, or choose another hydra.run.dir"))
        return None
    overrides = [word for word in typed_words(hydra) if not word.startswith("resume=")]
    job = Job(folder, overrides, hydra.job.num if in_sweep else 0, in_sweep, resumed)
    if stored_status(folder).get("state") == "finished":
        print(f"job {folder.name}: {' '.join(overrides)}: was finished before")
        return None
    try:
        begun = resumed and (folder / ".hydra" / "config.yaml").exists()
        return perform(job, stored_config(folder) if begun else config, train)
    except ValueError as error:
        exit_code = complain(error)
        return None


def typed_words(hydra: Any) -> list[str]:
    """The words of the command line as they were typed, with their references."""
    words: Any = OmegaConf.to_container(hydra.overrides.task)
    return words


def rank() -> int:
    """This process's number where a scheduler starts one for each device: SLURM, or torchrun."""
    return int(os.environ.get("SLURM_PROCID", os.environ.get("RANK", 0)))


def requeued() -> bool:
    """Whether a scheduler has started this job before."""
    return int(os.environ.get("SLURM_RESTART_COUNT", 0)) > 0 or "SUBMITIT_EXECUTOR" in os.environ


def perform(job: Job, config: DictConfig, train: Train) -> float | None:
    """Train in the run folder; how it ended is in `status.json`. In a sweep a failure lets the next job go on."""
    global exit_code
    config.paths.run = str(job.folder)
    status = {"number": job.number, "error": "", "overrides": job.overrides}
    try:
        with alone_in(job.folder), forwarding_signals() as received:
            score = train(config, job)
            if rank() == 0:
                write_json(job.folder / "status.json", status | {"state": "finished"})
        if job.in_sweep:
            result = "finished" if score is None else format(score, ".4g")
            print(f"job {job.folder.name}: {' '.join(job.overrides)}: {result}")
        return score
    except Busy as error:
        exit_code = complain(error)
        return None
    except Stopped as stop:
        stop = Stopped(received[0], stop.images_seen) if received else stop
        clean_up(job, config.paths.outputs, status | {"state": "interrupted"})
        print(f"stopped by {stop.signal_number.name} at {stop.images_seen:,} images, and saved", file=sys.stderr)
        leave(job, stop)
        sys.exit(128 + stop.signal_number)
    except (KeyboardInterrupt, SystemExit) as end:
        clean_up(job, config.paths.outputs, status | {"state": "interrupted"})
        print("interrupted before there was anything new to save", file=sys.stderr)
        sys.exit(end.code if isinstance(end, SystemExit) else INTERRUPTED)
    except Exception as error:
        message = mistake_of_the_user(error)
        clean_up(job, config.paths.outputs, status | {"state": "failed", "error": message or traceback.format_exc()})
        if job.in_sweep:
            print(f"job {job.folder.name} failed: {message or repr(error)}", file=sys.stderr)
            return None
        if message is None:
            raise
        exit_code = complain(ValueError(message))
        if isinstance(error, Killed):
            exit_code = KILLED
        return None


def leave(job: Job, stop: Stopped) -> None:
    """Say how to go on, or ask the scheduler to."""
    scheduler = handled_by(stop.signal_number)
    if stop.signal_number == SIGUSR1 and "SLURM_JOB_ID" in os.environ:
        if rank() == 0:
            subprocess.run(["scontrol", "requeue", os.environ["SLURM_JOB_ID"]], check=True)
    elif scheduler is not None:
        scheduler(stop.signal_number, None)
    else:
        folder = job.folder.parent if job.in_sweep else job.folder
        print(f"go on with: python src/train.py resume={shown(folder)}", file=sys.stderr)


class Busy(ValueError):
    """Another process trains in this folder."""


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Inside, no other run may train in `folder`; the system lifts this when a process is killed."""
    if rank() > 0:
        yield
        return
    lock = FileLock(folder / ".lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise Busy(f"{folder} is being trained by another process") from None
    try:
        yield
    finally:
        lock.release()


def clean_up(job: Job, outputs: str, status: dict[str, Any]) -> None:
    """Leave no trace of a run that never trained; record how another one failed, if the disk lets us."""
    if rank() > 0:
        return
    if not job.in_sweep and not job.resumed and not (job.folder / "status.json").exists():
        shutil.rmtree(job.folder)
        for parent in job.folder.parents:
            if not parent.is_relative_to(outputs) or any(parent.iterdir()):
                return
            parent.rmdir()
        return
    with suppress(OSError):
        write_json(job.folder / "status.json", status)


def mistake_of_the_user(error: BaseException) -> str | None:
    """What to tell the user, or None for a failure of ours."""
    if isinstance(error, OSError):
        return f"{error.strerror or error}: {error.filename}" if error.filename else error.strerror or str(error)
    if isinstance(error, MemoryError) or "can't allocate memory" in str(error) or "out of memory" in str(error):
        return "not enough memory: lower data.batch_size, metrics.images or the width of the networks"
    if isinstance(error, HydraException | OmegaConfBaseException):  # further lines only repeat the key
        return (str(error).strip().splitlines() or [type(error).__name__])[0]
    return str(error) if isinstance(error, ValueError | Killed) else None


def shown(path: Path) -> str:
    """A path as short as it can be typed from here."""
    try:
        return str(path.resolve().relative_to(Path.cwd()))
    except ValueError:
        return str(path)
