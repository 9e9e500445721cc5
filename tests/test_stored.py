"""What `latest` means."""

import os
from pathlib import Path

import pytest

from ganforge.stored import RUNS, latest


def written(file: Path, moment: int) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.touch()
    os.utime(file, (moment, moment))


def test_latest_is_what_was_written_to_last(tmp_path: Path) -> None:
    written(tmp_path / "train" / "a" / ".hydra" / "config.yaml", 1)
    written(tmp_path / "train" / "b" / ".hydra" / "config.yaml", 2)
    written(tmp_path / "train" / "not a run" / "notes.txt", 9)
    assert latest(tmp_path, *RUNS) == tmp_path / "train" / "b"
    written(tmp_path / "train" / "a" / "status.json", 3)
    assert latest(tmp_path, *RUNS) == tmp_path / "train" / "a"
    written(tmp_path / "sweep" / "s" / "sweep.json", 4)
    assert latest(tmp_path, "train/*", "sweep/*") == tmp_path / "sweep" / "s"
    assert latest(tmp_path, *RUNS) == tmp_path / "train" / "a", "a sweep is not one run"
    written(tmp_path / "sweep" / "s" / "0" / "status.json", 5)
    assert latest(tmp_path, *RUNS) == tmp_path / "sweep" / "s" / "0"
    with pytest.raises(ValueError, match="there is no run in "):
        latest(tmp_path / "train", *RUNS)
