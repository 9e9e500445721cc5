"""The command line around a script: mistakes explained before anything starts, and the exit code."""

import gc
import logging
import os
import re
import shlex
import subprocess
import sys
import textwrap
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from signal import SIGINT
from typing import Any, NoReturn

from hydra._internal import utils
from hydra._internal.utils import get_args_parser
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from ganforge.faults import Killed
from ganforge.overrides import conf_folder, groups, refuse_bad_overrides, understood
from ganforge.signals import forwarding_signals
from ganforge.stored import LATEST, RUNS, latest
from ganforge.terminal import keep_output_from_failing
from ganforge.words import as_typed, parse, quoted

LONGEST = 1000
"""Characters of a message."""
KILLED, USER_MISTAKE, INTERRUPTED = 1, 2, 128 + SIGINT
QUIET = ("lightning.pytorch", "lightning.fabric", "torch.distributed", "torch.multiprocessing.spawn")
exit_code = 0
Resume = Callable[[list[str], bool], list[str] | None]


def main(entry: Callable[[], None], config_name: str, usage: Callable[[], str], resume: Resume | None = None) -> int:
    """Run a Hydra entry point; `usage` is asked for what `--help` prints, which takes a while.

    `resume` gets the words of a command line with `resume=`, and whether it has -m; it goes on with a run itself, or
    returns the words of a sweep to go on with. The exit code is 0, 2 after a mistake of the user, 128 + its number
    after a signal, 1 for the rest.
    """
    keep_output_from_failing()
    try:
        refuse_half_a_launcher()
        run_line(entry, config_name, usage, resume)
    except Exception as error:
        message = mistake_of_the_user(error)
        if message is None:
            raise
        return complain(ValueError(message))
    return exit_code


def run_line(entry: Callable[[], None], config_name: str, usage: Callable[[], str], resume: Resume | None) -> None:
    parser = get_args_parser()
    parser.error = refuse_flags  # type: ignore[method-assign]
    arguments = parser.parse_intermixed_args()
    flags = [word for word in sys.argv[1:] if word not in arguments.overrides]
    if arguments.help:
        print(usage().format(groups=described_groups(config_name)).strip())
        return
    quiet_warnings()
    words = [] if arguments.hydra_help else understood(arguments.overrides)
    if not (arguments.hydra_help or arguments.info is not None or arguments.shell_completion):
        if resume is not None and not arguments.cfg and any(map(asks_to_go_on, words)):
            sweep = resume(words, arguments.multirun)
            if sweep is None:
                return
            words, flags, arguments.multirun = sweep, [*flags, "--multirun"], True
        refuse_bad_overrides(words, arguments.multirun, config_name)
    sys.argv[1:] = [*words, *flags]  # in this order, as --info takes a word that follows it
    utils.run_and_report = lambda func: func()  # Hydra would print a traceback of whatever is raised, and leave
    entry()


def asks_to_go_on(word: str) -> bool:
    override = parse(word)
    return override.key_or_group == "resume" and override.value() is not None


def refuse_flags(message: str) -> NoReturn:
    """An argument that begins with dashes, and is no flag of Hydra's."""
    match = re.search(r"unrecognized arguments: --?(\w[\w.-]*)", message)
    hint = f"a key has no dashes: {match[1]}=..., and " if match else ""
    raise ValueError(f"{message} ({hint}--hydra-help shows Hydra's own flags)")


def described_groups(config_name: str) -> str:
    """Every group with its options, the default first, for a terminal of 80 columns."""
    defaults: dict[str, str] = {}
    for line in (conf_folder() / f"{config_name}.yaml").read_text(encoding="utf-8").splitlines():
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
    logging.getLogger("matplotlib").setLevel(logging.ERROR)  # it warns where the home folder cannot be written to
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
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.ERROR)
    quiet_warnings()
    threading.excepthook = quiet_writer
    os.environ |= {"PYTHONWARNINGS": "ignore", "TORCH_CPP_LOG_LEVEL": "ERROR"}


def quiet_warnings() -> None:
    """Of all warnings those remain, as errors, with which Hydra passes over a mistake or a failure of a callback."""
    warnings.filterwarnings("ignore")
    warnings.filterwarnings("error", "provider=.* is not available|Callback .* raised", UserWarning)


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
    """Run an entry point that starts no training, with the folder that `run=latest` means; mistakes end in a line."""
    global exit_code
    try:
        if config.get("run") == LATEST:
            config.run = shown(latest(Path(config.paths.outputs), *RUNS))
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


def typed_words(hydra: Any) -> list[str]:
    """The words of the command line as they were typed, with their references."""
    words: Any = OmegaConf.to_container(hydra.overrides.task)
    return words


def rank() -> int:
    """This process's number where a scheduler starts one for each device: SLURM, or torchrun."""
    return int(os.environ.get("SLURM_PROCID", os.environ.get("RANK", 0) if "TORCHELASTIC_RUN_ID" in os.environ else 0))


def refuse_half_a_launcher() -> None:
    """Lightning believes RANK, and waits for the other processes, also where nobody has started them."""
    said = {name: os.environ[name] for name in ("RANK", "WORLD_SIZE") if name in os.environ}
    launched = {"SLURM_PROCID", "TORCHELASTIC_RUN_ID"} & os.environ.keys()
    if not launched and (said.get("RANK", "0"), said.get("WORLD_SIZE", "1")) != ("0", "1"):
        words = " and ".join(f"{name}={value}" for name, value in said.items())
        raise ValueError(
            f"{words} would make this a part of a group: unset RANK and WORLD_SIZE, or start with torchrun"
        )


def requeued() -> bool:
    """Whether a scheduler has started this job before."""
    return int(os.environ.get("SLURM_RESTART_COUNT", 0)) > 0 or "SUBMITIT_EXECUTOR" in os.environ


def mistake_of_the_user(error: BaseException) -> str | None:
    """What to tell the user, or None for a failure of ours."""
    if isinstance(error, UserWarning):  # Hydra's, about what a callback has raised, or about a folder
        return mistake_of_the_user(error.__context__) if error.__context__ else str(error)
    if isinstance(error, OSError):
        return f"{error.strerror or error}: {error.filename}" if error.filename else error.strerror or str(error)
    if isinstance(error, MemoryError) or "can't allocate memory" in str(error) or "out of memory" in str(error):
        return (
            "not enough memory: lower what is largest of data.image_size, data.batch_size, metrics.images, "
            "model.latent.dim and the width of the networks"
        )
    if isinstance(error, HydraException | OmegaConfBaseException):  # their first line says it, the others are advice
        return (str(error).strip().splitlines() or [type(error).__name__])[0]
    return str(error) if isinstance(error, ValueError | Killed) else None


def in_shell(text: str) -> str:
    """A text as it is typed in a shell."""
    return subprocess.list2cmdline([text]) if sys.platform == "win32" else shlex.quote(text)


def resume_word(folder: Path) -> str:
    """`resume=` for a folder, as it is typed in a shell: Hydra's grammar would read a comma as the next value."""
    path = shown(folder)
    understood_path = parse(as_typed(f"resume={path}")).value()
    return in_shell(f"resume={path if understood_path == path else quoted(path)}")


def shown(path: Path) -> str:
    """A path as short as it can be typed from here."""
    try:
        return str(path.resolve().relative_to(Path.cwd()))
    except ValueError:
        return str(path)
