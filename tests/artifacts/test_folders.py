"""Folders of results: whole, or not there."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from ganforge.artifacts.folders import whole_folder


def paths(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


def fill(folder: Path) -> None:
    with whole_folder(folder) as unfinished:
        (unfinished / "images").mkdir()
        (unfinished / "images" / "0.png").write_bytes(b"0")
        (unfinished / "grid.png").write_bytes(b"0")


WHOLE = {"images", "images/0.png", "grid.png"}


def test_a_folder_appears_with_all_that_is_in_it(tmp_path: Path) -> None:
    with whole_folder(tmp_path / "new" / "fakes") as unfinished:
        (unfinished / "a").touch()
        assert not (tmp_path / "new" / "fakes").exists()
    assert paths(tmp_path) == {"new", "new/fakes", "new/fakes/a"}
    assert (tmp_path / "new" / "fakes").stat().st_mode == (tmp_path / "new").stat().st_mode


def test_an_empty_folder_is_filled_where_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It may be where the user stands, or a link to another disk."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    fill(Path())
    assert paths(tmp_path / "here") == WHOLE
    (tmp_path / "there").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "there")
    fill(tmp_path / "link")
    assert paths(tmp_path / "there") == WHOLE
    with pytest.raises(ValueError, match="there is not empty: choose another folder with output="):
        fill(tmp_path / "there")


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("name", ["new/deeper", "empty"])
def test_nothing_is_left_of_a_folder_that_was_not_finished(
    tmp_path: Path, name: str, error: type[BaseException]
) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(error), whole_folder(tmp_path / name) as unfinished:
        (unfinished / "half").touch()
        raise error
    assert paths(tmp_path) == {"empty"}


PROGRAM = """
import sys, time
from pathlib import Path
from ganforge.artifacts.folders import whole_folder
from ganforge.process.signals import forwarding_signals
with forwarding_signals(), whole_folder(Path("fakes")) as unfinished:
    (unfinished / "0.png").touch()
    print("begun", flush=True)
    time.sleep(60)
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_leaves_nothing(tmp_path: Path, number: signal.Signals) -> None:
    process = subprocess.Popen([sys.executable, "-c", PROGRAM], cwd=tmp_path, stdout=subprocess.PIPE)
    assert process.stdout is not None and process.stdout.readline() == b"begun\n"
    process.send_signal(number)
    assert process.wait(60) == 128 + number
    assert paths(tmp_path) == set()
