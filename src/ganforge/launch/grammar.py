"""Words of a command line: how Hydra's grammar reads them, and paths as they were typed."""

import os
import re
from functools import cache

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, Quote, QuotedString, Sweep
from hydra.errors import HydraException

PATHS = frozenset(
    {
        "against",
        "cache",
        "dir",
        "fakes",
        "folder",
        "init_from",
        "output",
        "outputs",
        "path",
        "project",
        "resume",
        "root",
        "run",
    }
    | {"save_dir", "weights"}
)
"""Last parts of keys whose values are paths; so are all keys below `paths`."""
PIECE = re.compile(r"""\\.|'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*"|.""", re.DOTALL)
"""What is quoted or escaped, or one character."""


@cache
def parse(word: str) -> Override:
    try:
        return OverridesParser.create().parse_override(word)
    except (HydraException, RecursionError) as error:
        key, equals, _ = word.partition("=")
        advice = f"if this is a text, quote it twice: '{key}=\"...\"'" if equals else "an override is key=value"
        raise ValueError(f"cannot read {word!r} ({str(error).splitlines()[0]}): {advice}") from error


def as_typed(word: str) -> str:
    """`word` with every path in it quoted, where Hydra's grammar would refuse it or read something else.

    The grammar knows no `~`, `ü` or `(1)`, and takes `2024` for a number. What it reads as a text, as null, or as
    values to choose from remains; a comma outside of brackets and quotes separates values. `~` is the home folder.
    ValueError for an empty path.
    """
    key, equals, value = word.partition("=")
    if not equals or word.startswith("~") or not is_path(key.lstrip("+")):
        return word
    paths = elements(value)
    if not all(path.strip(" \t'\"") for path in paths):
        raise ValueError(f"{word}: an empty path names nothing")
    return f"{key}={','.join(map(path_as_typed, paths))}"


def is_path(key: str) -> bool:
    return key.rpartition(".")[2] in PATHS or key.startswith("paths.")


def elements(value: str) -> list[str]:
    """What commas separate; brackets and quotes hold together what is between them."""
    found, depth = [""], 0
    for piece in PIECE.findall(value):
        depth += (piece in "([{") - (piece in ")]}")
        if piece == "," and depth <= 0:
            found.append("")
        else:
            found[-1] += piece
    return found


def path_as_typed(path: str) -> str:
    try:
        value = parse(f"path={path}").value()
    except ValueError:
        return quoted(os.path.expanduser(path))  # noqa: PTH111  # Path.expanduser raises where there is no user `name`
    return path if value is None or isinstance(value, str | Sweep) else quoted(path)


def quoted(text: object) -> str:
    """A text as a value in Hydra's grammar."""
    return QuotedString(str(text), Quote.single).with_quotes()
