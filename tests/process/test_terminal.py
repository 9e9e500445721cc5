"""Output that nobody reads, or that cannot be written."""

import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TextIO

import pytest
from rich.console import Console

from ganforge.process.terminal import Unbroken

from ..conftest import ROOT, TINY


def without_a_reader() -> io.TextIOWrapper:
    reader, writer = os.pipe()
    os.close(reader)
    return os.fdopen(writer, "w")


def on_a_full_disk() -> io.TextIOWrapper:
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    return Path("/dev/full").open("w")


@pytest.mark.parametrize("broken", [without_a_reader, on_a_full_disk])
def test_what_cannot_be_written_is_dropped(broken: Callable[[], TextIO]) -> None:
    stream = broken()
    unbroken = Unbroken(stream)
    for _ in range(3):
        print("x" * 100_000, file=unbroken, flush=True)  # type: ignore[arg-type]
    Console(file=unbroken).print("and rich, which would end the process")  # type: ignore[arg-type]
    stream.close()


def test_what_can_be_written_is() -> None:
    stream = io.StringIO()
    print("hello", file=Unbroken(stream))  # type: ignore[arg-type]
    assert stream.getvalue() == "hello\n"
    assert not Unbroken(stream).isatty()


def test_a_run_without_a_reader_trains_to_its_end(tmp_path: Path) -> None:
    words = [*TINY["mlp"], "images=640", "save_every=64", "log_every=64", "metrics=none", "logger=none"]
    process = subprocess.Popen(
        [sys.executable, str(ROOT / "src" / "train.py"), *words, f"hydra.run.dir={tmp_path}/run"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path,
    )  # fmt: skip
    assert process.stdout is not None and process.stderr is not None
    process.stdout.close()
    assert (process.stderr.read(), process.wait()) == ("", 0)
    assert json.loads((tmp_path / "run" / "status.json").read_text())["state"] == "finished"
