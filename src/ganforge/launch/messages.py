"""What is said to the user in one line, and how a path is typed."""

import os
import shlex
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hydra.errors import HydraException
from omegaconf.errors import OmegaConfBaseException

from ganforge.artifacts.records import first_line
from ganforge.faults import Killed
from ganforge.launch.grammar import as_typed, parse, quoted

LONGEST = 1000
"""Characters of a message."""
KILLED, USER_MISTAKE = 1, 2
"""Exit codes."""


@contextmanager
def complaining() -> Iterator[None]:
    """Inside, a mistake of the user ends the process with a line that says what to change."""
    try:
        yield
    except Exception as error:
        sys.exit(complain(error))


def complain(error: Exception) -> int:
    """Print what the user can change, and return the exit code.

    A failure of ours is raised again, and so is everything with HYDRA_FULL_ERROR=1.
    """
    message = mistake_of_the_user(error)
    if message is None or os.environ.get("HYDRA_FULL_ERROR") == "1":
        raise error
    print(f"error: {escaped(message.strip() or type(error).__name__)}", file=sys.stderr)
    return KILLED if isinstance(error, Killed) else USER_MISTAKE


def escaped(line: str) -> str:
    """Without what could move a terminal's cursor or fill its screen."""
    return "".join(character if character.isprintable() else ascii(character)[1:-1] for character in line[:LONGEST])


def mistake_of_the_user(error: BaseException) -> str | None:
    """The message for the user, or None for a failure of ours."""
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
        return first_line(error)
    return str(error) if isinstance(error, ValueError | Killed) else None


def in_shell(text: str) -> str:
    """A text as it is typed in a shell."""
    return subprocess.list2cmdline([text]) if sys.platform == "win32" else shlex.quote(text)


def resume_override(folder: Path) -> str:
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
