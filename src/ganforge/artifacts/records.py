"""The lines of a run: scores with their stamps, and how the run ended."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from ganforge.artifacts.files import flush, replacing

YAML_BYTES, YAML_DEPTH = 100_000, 50
"""A run's configuration has some thousands of bytes, and at most ten levels."""


def append_line(path: Path, record: dict[str, Any]) -> None:
    """One JSON object as one line at the end of `path`, on the disk before this returns."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab+") as file:
        if len(whole := whole_lines(path)) < file.seek(0, os.SEEK_END):
            file.truncate(len(whole))
        file.write(json.dumps(record).encode() + b"\n")
        file.flush()
        flush(file.fileno())


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
    content = path.read_bytes() if path.is_file() else b""
    return content[: content.rfind(b"\n") + 1]


def replace_lines(path: Path, records: list[dict[str, Any]]) -> None:
    with replacing(path) as file:
        file.write("".join(json.dumps(record) + "\n" for record in records).encode())


def read_yaml(path: Path) -> Any:
    """Plain data from a file that anybody may have written.

    ValueError names one that is no YAML, or so long, deep or full of aliases that reading it takes all time or memory.
    """
    try:
        if path.stat().st_size > YAML_BYTES:
            raise ValueError(f"it has more than {YAML_BYTES:,} bytes")
        text, depth = path.read_text(encoding="utf-8"), 0
        for event in yaml.parse(text, yaml.CSafeLoader):
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if depth > YAML_DEPTH or isinstance(event, yaml.AliasEvent):
                raise ValueError("it has YAML aliases" if depth <= YAML_DEPTH else "it is nested too deeply")
        return yaml.load(text, yaml.CSafeLoader)
    except Exception as error:  # PyYAML raises nearly anything for tags whose values make no sense
        raise ValueError(f"{path} cannot be read: {(str(error) or repr(error)).splitlines()[0]}") from error


def leaves(node: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every value below mappings with its dotted path; a list is one value."""
    if not isinstance(node, dict) or not node:
        yield path, node
        return
    for key, value in node.items():
        yield from leaves(value, f"{path}.{key}" if path else str(key))


def write_json(path: Path, record: dict[str, Any]) -> None:
    with replacing(path) as file:
        file.write(json.dumps(record, indent=2).encode() + b"\n")


def printable(value: Any) -> Any:
    """Text inside `value` without what could hide or turn around its neighbours: a question mark in a diamond."""
    if isinstance(value, str):
        return "".join(character if character.isprintable() else "\ufffd" for character in value)
    if isinstance(value, dict):
        return {printable(str(key)): printable(one) for key, one in value.items()}
    return [printable(one) for one in value] if isinstance(value, list) else value


def first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
