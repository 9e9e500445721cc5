"""The lines of a run: scores with their stamps, and how the run ended."""

import json
import os
from pathlib import Path
from typing import Any

from ganforge.artifacts.files import replacing


def append_line(path: Path, record: dict[str, Any]) -> None:
    """One JSON object as one line at the end of `path`, on the disk before this returns."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab+") as file:
        file.truncate(len(whole_lines(path)))
        file.write(json.dumps(record).encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())


def read_lines(path: Path) -> list[dict[str, Any]]:
    """All records of `path`; none if it does not exist. ValueError names a line that is no record."""
    records = []
    for number, line in enumerate(whole_lines(path).splitlines(), 1):
        try:
            record = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise ValueError(f"{path}, line {number}, is not JSON: {error}") from error
        if not isinstance(record, dict):
            raise ValueError(f"{path}, line {number}, is not a JSON object")
        records.append(record)
    return records


def whole_lines(path: Path) -> bytes:
    """Without the line that was being written when its process was killed."""
    content = path.read_bytes() if path.exists() else b""
    return content[: content.rfind(b"\n") + 1]


def replace_lines(path: Path, records: list[dict[str, Any]]) -> None:
    with replacing(path) as file:
        file.write("".join(json.dumps(record) + "\n" for record in records).encode())


def write_json(path: Path, record: dict[str, Any]) -> None:
    with replacing(path) as file:
        file.write(json.dumps(record, indent=2).encode() + b"\n")
