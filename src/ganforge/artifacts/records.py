"""The lines of a run: scores with their stamps, and how the run ended."""

import json
import os
from pathlib import Path
from typing import Any

from ganforge.artifacts.files import replacing


def append_line(path: Path, record: dict[str, Any]) -> None:
    """One JSON object as one line at the end of `path`, on the disk before this returns."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(record) + "\n")
        file.flush()
        os.fsync(file.fileno())


def read_lines(path: Path) -> list[dict[str, Any]]:
    """All records of `path`; none if it does not exist."""
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def write_json(path: Path, record: dict[str, Any]) -> None:
    with replacing(path) as file:
        file.write(json.dumps(record, indent=2).encode() + b"\n")
