"""Trials as processes that do not outlive the search."""

import ctypes
import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from ganforge.ranking import training_lines
from ganforge.words import quoted

PATIENCE = 60
"""Seconds that a trial has to save its state after SIGTERM."""
SET_PARENT_DEATH_SIGNAL = 1


@contextmanager
def alone_in(folder: Path) -> Iterator[int]:
    """Hold the folder's lock, which trials inherit by its descriptor: ValueError while any of them still runs."""
    with (folder / "search.lock").open("w") as file:
        for last_attempt in (*[False] * 20, True):
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError as error:
                if last_attempt:
                    raise ValueError(f"{folder}: this search, or a trial of it, is still running") from error
                time.sleep(0.1)
        yield file.fileno()


class TrialProcess:
    """`script` on the words of one trial; where its run folder has a checkpoint, it goes on from there.

    What it prints is in a file beside the run folder.
    """

    def __init__(self, folder: Path, script: Path, words: list[str], directory: str, lock: int) -> None:
        self.folder, self.script, self.words = folder, script, words
        self.directory, self.lock = directory, lock
        self.log = folder.with_suffix(".log")
        self.kills = 0
        self.start()

    def start(self) -> None:
        if (self.folder / "checkpoints" / "last.ckpt").exists():
            words = [f"resume={quoted(self.folder)}"]
        else:
            shutil.rmtree(self.folder, ignore_errors=True)
            words = [*self.words, f"hydra.run.dir={quoted(self.folder)}"]
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, str(self.script), *words],
                cwd=self.directory, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True, pass_fds=[self.lock], preexec_fn=partial(die_with, os.getpid()),
            )  # fmt: skip

    def poll(self) -> int | None:
        """The exit code; None while it runs, and also when it was killed for the first time and goes on."""
        code = self.process.poll()
        if code is None or 0 <= code <= 128:
            return code
        self.kills += 1
        if self.kills > 1:
            return code
        self.start()
        return None

    def evaluations(self) -> list[dict[str, Any]]:
        return training_lines(self.folder)

    def complaint(self) -> str:
        """Why it failed, in a line."""
        status, code = self.folder / "status.json", self.process.returncode
        if not 0 <= code <= 128:
            return f"killed by signal {-code if code < 0 else code - 128} twice"
        error = json.loads(status.read_text(encoding="utf-8")).get("error") if status.exists() else None
        lines = (error or self.log.read_text(encoding="utf-8")).strip().splitlines()
        return lines[-1].removeprefix("error: ") if lines else f"exit code {code}"

    def stop(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def die_with(parent: int) -> None:
    """In a child, before its program starts: be killed when `parent` ends. Elsewhere than on Linux the lock remains."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(SET_PARENT_DEATH_SIGNAL, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)
