"""Systems that are not the authors': names that Windows lacks, a disk without links, a terminal that is closed.

Windows itself is not run here; what is taken away is what its Python does not have.
"""

import json
import os
import pty
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from ..conftest import ROOT
from .runs import SMALL, finish, start, wait_for

WITHOUT = """
import ctypes, os, signal, sys
for name in ("SIGUSR1", "SIGUSR2", "SIGHUP", "pthread_sigmask", "sigwait", "sigpending", "setitimer"):
    delattr(signal, name)
for name in ("fork", "forkpty", "killpg", "setsid", "getuid", "sysconf", "sched_getaffinity", "O_DIRECTORY"):
    delattr(os, name)
for name in ("fcntl", "resource", "pwd", "grp", "termios"):
    sys.modules[name] = None

class CDLL(ctypes.CDLL):
    def __init__(self, name, *arguments, **keywords):
        if name is None:
            raise TypeError("bad argument type for built-in operation")
        super().__init__(name, *arguments, **keywords)

def link(*_, **__):
    raise OSError(1, "Operation not permitted")

def opened(path, *arguments, **keywords):
    if os.path.isdir(path):
        raise PermissionError(13, "Permission denied", path)
    return real_open(path, *arguments, **keywords)

ctypes.CDLL, os.link, os.open, real_open = CDLL, link, opened, os.open
"""


@pytest.mark.slow
def test_nothing_needs_what_only_posix_has(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(WITHOUT)
    environment = os.environ | {"PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT / 'src'}", "OMP_NUM_THREADS": "1"}
    words = [*SMALL, "images=1280", "paths.cache=cache"]
    lines = {
        "a run": ("train", *words, "hydra.run.dir=run"),
        "it goes on": ("train", "resume=run", "images=2560"),
        "a search": ("search", *words, "search.trials=1", "search.folder=found"),
        "it goes on as well": ("search", "resume=found", "search.trials=2"),
        "scores": ("evaluate", "run=run"),
        "images": ("generate", "run=run", "count=4", "output=drawn"),
        "an export": ("export", "run=run", "output=exported"),
        "a page": ("compare", "run"),
    }
    for name, (script, *line) in lines.items():
        result = subprocess.run(
            [sys.executable, ROOT / "src" / f"{script}.py", *line],
            capture_output=True, text=True, timeout=600, cwd=tmp_path, env=environment,
        )  # fmt: skip
        assert (result.returncode, result.stderr) == (0, ""), name
    best, last = (
        torch.load(tmp_path / "run" / "checkpoints" / f"{name}.ckpt")["progress"] for name in ("best", "last")
    )
    assert 0 < best["images_seen"] <= last["images_seen"] == 2560
    assert (tmp_path / "run" / "generator.safetensors").exists()
    assert not any(path.name.startswith(".") and path.is_file() for path in (tmp_path / "run").rglob("*.ckpt*"))


@pytest.mark.slow
@pytest.mark.parametrize("trainer", ["cpu", "ddp_cpu"])
def test_a_run_whose_terminal_is_closed_saves(tmp_path: Path, trainer: str) -> None:
    run, script = tmp_path / "run", str(ROOT / "src" / "train.py")
    words = [*SMALL, f"trainer={trainer}", "images=1_000_000", "evaluate_every=500_000"]
    words += [f"hydra.run.dir={run}", f"paths.outputs={tmp_path}/outputs"]
    number, terminal = pty.fork()
    if number == 0:
        signal.signal(signal.SIGHUP, signal.SIG_DFL)  # `nohup pytest` has it ignored
        os.execv(sys.executable, [sys.executable, script, *words])
    deadline = time.monotonic() + 300
    os.set_blocking(terminal, False)
    while not (run / "samples" / "000000000.png").exists():
        assert time.monotonic() < deadline
        time.sleep(0.1)
    time.sleep(1)
    os.close(terminal)
    _, status = os.waitpid(number, 0)
    assert os.waitstatus_to_exitcode(status) == 128 + signal.SIGHUP
    assert json.loads((run / "status.json").read_text())["state"] == "interrupted"
    assert (run / "checkpoints" / "last.ckpt").exists()


def test_ctrl_c_twice_at_once_is_one_wish(tmp_path: Path) -> None:
    """As a terminal and `uv run` send it: what the second one means is that of the first."""
    process = start(tmp_path / "run", *SMALL, "images=1_000_000", "evaluate_every=500_000")
    wait_for((tmp_path / "run" / "samples" / "000000000.png").exists, process)
    time.sleep(1)
    process.send_signal(signal.SIGINT)
    time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    code, _, errors = finish(process)
    assert code == 130
    assert [line.split()[0] for line in errors.splitlines()] == ["stopped", "go"]
    assert (tmp_path / "run" / "checkpoints" / "last.ckpt").exists()
