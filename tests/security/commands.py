"""A whole command line with bounds on its time and memory."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from ..processes import born

MEMORY = 8 * 2**30


class Result(NamedTuple):
    """`code` is -14 (SIGALRM) for a command that took longer than it may."""

    code: int
    output: str
    errors: str


Commands = Callable[..., Result]


def command_line(script: str, *words: str, cwd: Path, seconds: int = 60) -> Result:
    process = born(script, *words, cwd=cwd, limits={"seconds": seconds, "AS": MEMORY})
    output, errors = process.communicate()
    return Result(process.wait(), output, errors)
