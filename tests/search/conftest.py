"""A search whose trials take milliseconds."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from optuna.trial import FrozenTrial

from ganforge.search import study, trials
from ganforge.search.plan import Plan

TRAINER = '''
"""Writes the evaluations of a run that scores (x - 0.3)^2 + 1 / clock, on the files and exit codes of train.py."""
import ganforge.process.start
import json, os, signal, sys, time
from pathlib import Path

words = dict(word.split("=", 1) for word in sys.argv[1:])
folder = Path((words.get("resume") or words["hydra.run.dir"]).strip("'"))
folder.mkdir(parents=True, exist_ok=True)
saved = folder / "checkpoints" / "last.ckpt"
if "resume" in words:
    words = json.loads(saved.read_text())
(folder / "pid").write_text(str(os.getpid()))
with (folder.parent / "starts").open("a") as file:
    file.write(f"{folder.name} ")
if words.get("fails") == "yes":
    (folder / "status.json").write_text(json.dumps({"state": "failed", "error": "the reason"}))
    sys.exit(2)
x, lines = float(words.get("x", 0)), folder / "metrics.jsonl"
for clock in range(100, 301, 100):
    if lines.exists() and len(lines.read_text().splitlines()) >= clock // 100:
        continue
    line = {"images_seen": clock, "scores": {"fid": (x - 0.3) ** 2 + 1 / clock}, "stamp": {"count": words.get("count")}}
    with lines.open("a") as file:
        file.write(json.dumps(line) + "\\n")
    saved.parent.mkdir(exist_ok=True)
    unfinished = saved.with_suffix(".part")
    unfinished.write_text(json.dumps(words))
    unfinished.replace(saved)
    died = folder / "died"
    if clock > 100 and (words.get("dies") == "always" or words.get("dies") == folder.name and not died.exists()):
        died.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(float(words.get("sleep", 0)))
'''
DRIVER = """
import json, sys
from pathlib import Path
from ganforge.search.plan import Plan
from ganforge.search.study import Search
from ganforge.search.trials import alone_in
folder = Path(sys.argv[1])
with alone_in(folder):
    Search(folder, Plan(**json.loads(sys.argv[2])), Path(sys.argv[3])).run()
"""
SETTINGS = {"trials": 4, "jobs": 1, "seed": 0, "pruner": "none", "prune_after_trials": 2, "prune_after_images": 0}


class FakeSearch:
    """Searches in one folder, on the fake trainer."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.trainer = folder / "trainer.py"
        self.trainer.write_text(TRAINER)

    def plan(self, *words: str, **settings: Any) -> Plan:
        return Plan(list(words), ["x=interval(0,1)"], "fid", "min", str(self.folder), SETTINGS | settings)

    def run(self, *words: str, **settings: Any) -> list[FrozenTrial]:
        with trials.alone_in(self.folder):
            search = study.Search(self.folder, self.plan(*words, **settings), self.trainer)
            try:
                search.run()
            finally:
                self.processes = [running.process.process for running in search.running]
                search.close()
        self.study = search.study
        return self.study.get_trials()

    def start(self, *words: str, **settings: Any) -> subprocess.Popen:
        """The same in a process of its own, so that it can be killed."""
        plan = json.dumps(asdict(self.plan(*words, **settings)))
        return subprocess.Popen([sys.executable, "-c", DRIVER, self.folder, plan, self.trainer], env=os.environ)

    @property
    def starts(self) -> list[str]:
        """The numbers of the trials in the order in which processes started for them."""
        file = self.folder / "trials" / "starts"
        return file.read_text().split() if file.exists() else []


Fake = Callable[..., FakeSearch]


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Fake:
    """`fake("name")`: a new folder for a search."""
    monkeypatch.setattr(study, "POLL", 0.01)

    def make(name: str = "search") -> FakeSearch:
        (tmp_path / name).mkdir()
        return FakeSearch(tmp_path / name)

    return make
