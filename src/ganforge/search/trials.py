"""Trials as processes that do not outlive the search."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

from ganforge.artifacts.evaluations import training_lines
from ganforge.artifacts.files import Taken, locked
from ganforge.launch.grammar import quoted
from ganforge.process.lifetime import PARENT

PATIENCE = 60
"""Seconds that a trial has to save its state when it is asked to stop."""
PATIENCE_WITH_OTHERS = 2
"""Seconds in which what belongs to a killed search ends."""
STOP: int = getattr(signal, "CTRL_BREAK_EVENT", signal.SIGTERM)
"""What asks a trial to save and end; the former on Windows, for a process in a group of its own."""
OWN_GROUP: int = getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0)


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Hold the folder's lock: ValueError while another search does, or while a trial of it still runs."""
    try:
        with ExitStack() as stack:
            stack.enter_context(locked(folder / "search.lock", PATIENCE_WITH_OTHERS))
            for lock in folder.glob("trials/*/.lock"):
                with locked(lock, PATIENCE_WITH_OTHERS):
                    pass
            others = stack.pop_all()
    except Taken as error:
        raise ValueError(f"{folder}: this search, or a trial of it, is still running") from error
    with others:
        yield


class TrialProcess:
    """`script` on the overrides of one trial; where its run folder has a checkpoint, it goes on from there.

    What it prints is in a file beside the run folder.
    """

    def __init__(self, folder: Path, script: Path, overrides: list[str], directory: str) -> None:
        self.folder, self.script, self.overrides = folder, script, overrides
        self.directory = directory
        self.log = folder.with_suffix(".log")
        self.kills = 0
        self.start()

    def start(self) -> None:
        if any(self.folder.glob("checkpoints/*.ckpt")):
            overrides = [f"resume={quoted(self.folder)}"]
        else:
            shutil.rmtree(self.folder, ignore_errors=True)
            overrides = [*self.overrides, f"hydra.run.dir={quoted(self.folder)}"]
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, str(self.script), *overrides],
                cwd=self.directory, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True, creationflags=OWN_GROUP, env=os.environ | {PARENT: str(os.getpid())},
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

    def ask_to_stop(self) -> None:
        with suppress(OSError):  # it has just ended
            self.process.send_signal(STOP)

    def stop(self) -> None:
        self.ask_to_stop()
        try:
            self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
