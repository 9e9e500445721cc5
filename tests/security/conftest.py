"""A trained run that can be spoiled at will, and what may not have happened to it afterwards."""

import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from ..conftest import TINY
from .commands import Commands, Result, command_line

SHORT = [
    *TINY["mlp"], "images=640", "evaluate_every=320", "log_every=64", "metrics.images=60",
    "metrics.extractor.epochs=2", "data.image_size=16", "data.batch_size=32",
]  # fmt: skip
MAY_CHANGE = (".lock", "status.json")


@pytest.fixture(scope="session")
def commands() -> Commands:
    return command_line


@pytest.fixture(scope="session")
def whole(commands: Commands, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run with scores."""
    folder = tmp_path_factory.mktemp("whole")
    words = [*SHORT, f"paths.outputs={folder}/outputs", f"hydra.run.dir={folder}/run"]
    assert commands("train", *words, cwd=folder).code == 0
    return folder / "run"


@pytest.fixture
def run(whole: Path, tmp_path: Path) -> Path:
    """A copy of it that was killed in its last round."""
    shutil.copytree(whole, tmp_path / "run")
    (tmp_path / "run" / "status.json").unlink()
    return tmp_path / "run"


@pytest.fixture
def marker(tmp_path: Path) -> Path:
    """What every payload makes if it is executed."""
    return tmp_path / "bitten"


def mostly_slow(cases: Iterable[str], *fast: str) -> list[Any]:
    """Parameters of a test with processes; what they reach has fast tests for every case."""
    assert set(fast) <= set(cases)
    return [case if case in fast else pytest.param(case, marks=pytest.mark.slow) for case in cases]


def contents(folder: Path) -> dict[str, bytes | None]:
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
        for path in folder.rglob("*")
        if path.name not in MAY_CHANGE
    }


def refused_in_a_line(result: Result) -> bool:
    """With exit code 2 and nothing else to read."""
    lines = result.errors.splitlines()
    return result.code == 2 and result.output == "" and len(lines) == 1 and lines[0].startswith("error: ")
