"""Text for the user. Output that cannot be written, or that no process reads, changes nothing in a run."""

import os
import sys
from collections.abc import Iterable
from typing import Any, TextIO, TypeVar

from rich.console import Console
from rich.progress import track

T = TypeVar("T")


class Unbroken:
    """A text stream whose failures are its end: after the first one, what is written is dropped.

    A pipe without a reader and a full disk behind `>` would otherwise be exceptions wherever something is printed.
    """

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)

    def write(self, text: str) -> int:
        try:
            return self.stream.write(text)
        except OSError:
            self._drop()
            return len(text)

    def flush(self) -> None:
        try:
            self.stream.flush()
        except OSError:
            self._drop()

    def _drop(self) -> None:
        """Also what is still in the stream's buffer, which Python writes when the process ends."""
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self.stream.fileno())
        os.close(nowhere)


def keep_output_from_failing() -> None:
    """From now on for this process; a stream that was closed before it started stays None."""
    for name in ("stdout", "stderr"):
        if (stream := getattr(sys, name)) is not None:
            setattr(sys, name, Unbroken(stream))


def warn(message: str) -> None:
    print(f"warning: {message}", file=sys.stderr)


def plain_console() -> Console:
    """Shows names and paths as they are: no brackets or colons mean anything, no numbers are coloured."""
    return Console(highlight=False, markup=False, emoji=False)


def watched(steps: Iterable[T], verb: str, total: int | None = None) -> Iterable[T]:
    """The steps, with a bar while they go on if someone is looking at the terminal.

    `total` says how many there are where they do not.
    """
    console = Console()
    return track(steps, verb, total, console=console, transient=True, disable=not console.is_terminal)
