"""The command line around a job: mistakes explained before anything starts, failures recorded."""

import logging
import os
import shutil
import sys
import textwrap
import traceback
import warnings
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from hydra._internal.utils import get_args_parser
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException

from ganforge.artifacts.records import write_json
from ganforge.overrides import conf_folder, groups, refuse_bad_overrides

USER_MISTAKE, INTERRUPTED = 2, 130
exit_code = 0


def main(entry: Callable[[], None], config_name: str, help_text: str) -> int:
    """Run a Hydra entry point; the exit code is 0, 2 after a mistake of the user, 130 after Ctrl-C, 1 for the rest."""
    arguments = get_args_parser().parse_intermixed_args()
    flags = [word for word in sys.argv[1:] if word not in arguments.overrides]
    sys.argv[1:] = [*flags, *arguments.overrides]
    if arguments.help:
        print(help_text.format(groups=described_groups(config_name)).strip())
        return 0
    if not (arguments.hydra_help or arguments.info is not None or arguments.shell_completion):
        try:
            refuse_bad_overrides(arguments.overrides, arguments.multirun, config_name)
        except (ValueError, HydraException, OmegaConfBaseException) as error:
            return complain(error)
    entry()
    return exit_code


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


def quiet() -> None:
    """Silence what libraries say about choices that are not the user's."""
    for name in ("lightning.pytorch", "lightning.fabric", "torch.distributed", "torch.multiprocessing.spawn"):
        logging.getLogger(name).setLevel(logging.ERROR)
    warnings.filterwarnings("ignore")
    os.environ |= {"PYTHONWARNINGS": "ignore", "TORCH_CPP_LOG_LEVEL": "ERROR"}


def complain(error: BaseException) -> int:
    if os.environ.get("HYDRA_FULL_ERROR") == "1":
        raise error
    text = str(error).strip()
    print(f"error: {text.splitlines()[0] if text else type(error).__name__}", file=sys.stderr)
    return USER_MISTAKE


def answer(config: DictConfig, question: Callable[[DictConfig], None]) -> None:
    """Run an entry point that starts no training; mistakes end in a line."""
    global exit_code
    try:
        question(config)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        exit_code = INTERRUPTED
    except Exception as error:
        message = mistake_of_the_user(error)
        if message is None:
            raise
        exit_code = complain(ValueError(message))


def run_job(config: DictConfig, job: Callable[[DictConfig], float | None]) -> float | None:
    """One job in its run folder. In a sweep a failure is recorded in `status.json` and the next job goes on."""
    global exit_code
    hydra = HydraConfig.get()
    folder = Path(hydra.runtime.output_dir)
    config.paths.run = str(folder)
    in_sweep = hydra.mode == RunMode.MULTIRUN
    if in_sweep and "BasicLauncher" not in hydra.launcher._target_ and "progress" in config.callbacks:
        config.callbacks.progress.show = False
    if any(folder.iterdir()):
        exit_code = complain(ValueError(f"{folder} is not empty: choose another hydra.run.dir"))
        return None
    overrides = list(hydra.overrides.task)
    status = {"number": hydra.job.num if in_sweep else 0, "error": "", "overrides": overrides}
    try:
        score = job(config)
        write_json(folder / "status.json", status | {"state": "finished"})
        if in_sweep:
            print(f"job {folder.name}: {' '.join(overrides)}: {'finished' if score is None else format(score, '.4g')}")
        return score
    except (KeyboardInterrupt, SystemExit):  # Lightning turns the first into the second
        clean_up(folder, status | {"state": "interrupted"}, in_sweep)
        print(f"interrupted; what was saved is in {folder}", file=sys.stderr)
        sys.exit(INTERRUPTED)
    except Exception as error:
        message = mistake_of_the_user(error)
        clean_up(folder, status | {"state": "failed", "error": message or traceback.format_exc()}, in_sweep)
        if in_sweep:
            print(f"job {folder.name} failed: {message or repr(error)}", file=sys.stderr)
        elif message is None:
            raise
        else:
            exit_code = complain(ValueError(message))
        return None


def clean_up(folder: Path, status: dict[str, Any], in_sweep: bool) -> None:
    """Leave no trace of a run that never trained; record how another one failed, if the disk lets us."""
    if not in_sweep and not (folder / "status.json").exists():
        shutil.rmtree(folder)
        for parent in folder.parents[:2]:
            if any(parent.iterdir()):
                return
            parent.rmdir()
        return
    with suppress(OSError):
        write_json(folder / "status.json", status)


def mistake_of_the_user(error: BaseException) -> str | None:
    """What to tell the user, or None for a failure of ours. A process of a group passes its error on as text."""
    from torch.multiprocessing.spawn import ProcessRaisedException

    if isinstance(error, ProcessRaisedException):
        name, _, message = str(error).strip().splitlines()[-1].partition(": ")
        return message if name.rpartition(".")[2] in ("ValueError", "Diverged", "OSError") else None
    if isinstance(error, OSError):
        return f"{error.strerror or error}: {error.filename}" if error.filename else str(error)
    return str(error) if isinstance(error, ValueError | OmegaConfBaseException) else None
