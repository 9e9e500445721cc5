"""What a process does first: the scripts in src/ import this before anything that takes time.

From here on a signal ends it in one line, and a process of a group ends with its parent.
"""

from _signal import SIG_DFL, SIGINT, signal

signal(SIGINT, SIG_DFL)  # until the handlers below are there: `signal` itself, and typing, take some 20 ms

import os
import sys
from typing import Any

from ganforge.process import lifetime, signals


def begin() -> None:
    signals.handle(signals.end)
    from pathlib import Path  # later than the handlers: it takes as long as all else here

    lifetime.end_with_parent()
    os.environ.setdefault("PROJECT_ROOT", str(Path(__file__).resolve().parents[3]))
    for name in ("COLUMNS", "LINES"):
        if os.environ.get(name) == "0":  # rich would print nothing
            del os.environ[name]
    streams: list[Any] = [sys.stdout, sys.stderr]
    for stream in streams:
        if hasattr(stream, "reconfigure"):  # a console without a letter of a name shows its number
            stream.reconfigure(errors="backslashreplace")


def documentation(script: str) -> str:
    """A script's docstring, also where `python -OO` has taken it away."""
    import ast
    from pathlib import Path

    return ast.get_docstring(ast.parse(Path(script).read_text(encoding="utf-8"))) or ""


begin()
