"""Command lines as processes that have imported everything when they are born.

To import PyTorch and Lightning takes seconds, and the tests start hundreds of processes. Run as a script, this file is
a server that imports them once, then forks a child for each command. The child becomes `python SCRIPT WORDS...`, in a
session of its own, with signals, environment and folder as for a fresh process.
"""

import atexit
import gc
import json
import os
import random
import resource
import runpy
import select
import signal
import socket
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, NoReturn

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "src" / "ganforge"
PACKAGES = (
    "augment", "callbacks", "comparison", "data", "inference", "layers", "losses", "metrics", "networks",
    "regularizers", "sampling", "scoring", "search", "systems",
)  # fmt: skip
"""Of ganforge; a process that starts imports the others itself, as some of them act when they are imported."""
IMPORTED = (
    "ganforge.launch.rescoring", "ganforge.launch.resume", "ganforge.launch.run", "filelock",
    "lightning.pytorch.loggers", "matplotlib.backends.backend_agg", "torch.utils.tensorboard",
)  # fmt: skip


class Process:
    """A running command, with the methods of `subprocess.Popen` that tests use."""

    def __init__(
        self, script: Path, words: Sequence[str], cwd: Path, environment: Mapping[str, str], limits: Mapping[str, int]
    ) -> None:
        self._output, self._errors = TemporaryFile("w+b"), TemporaryFile("w+b")  # noqa: SIM115  # they live as long
        self._ended, ended = os.pipe()
        self.returncode: int | None = None
        with TemporaryFile("w+") as request:
            json.dump([str(script), list(words), str(cwd), dict(environment), dict(limits)], request)
            request.flush()
            files = [request.fileno(), self._output.fileno(), self._errors.fileno(), ended]
            socket.send_fds(server(), [b"."], files)
            self.pid = int.from_bytes(server().recv(8), "little")
        os.close(ended)

    def poll(self) -> int | None:
        return self._returned(0)

    def wait(self, timeout: float | None = None) -> int:
        code = self._returned(timeout)
        if code is None:
            assert timeout is not None
            raise subprocess.TimeoutExpired([str(self.pid)], timeout, self.output(), self.errors())
        return code

    def communicate(self, timeout: float | None = None) -> tuple[str, str]:
        self.wait(timeout)
        return self.output(), self.errors()

    def output(self) -> str:
        return text_of(self._output.fileno())

    def errors(self) -> str:
        return text_of(self._errors.fileno())

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def _returned(self, timeout: float | None) -> int | None:
        if self.returncode is None and select.select([self._ended], [], [], timeout)[0]:
            answer = os.read(self._ended, 8)
            assert answer, "the server of processes has ended"
            self.returncode = int.from_bytes(answer, "little", signed=True)
            os.close(self._ended)
        return self.returncode


def text_of(file: int) -> str:
    """All of a file, wherever the process that shares its position has come to."""
    return os.pread(file, os.fstat(file).st_size, 0).decode(errors="backslashreplace")


def born(
    script: str | Path,
    *words: str,
    cwd: Path,
    environment: Mapping[str, str] | None = None,
    limits: Mapping[str, int] | None = None,
) -> Process:
    """`python src/SCRIPT.py WORDS...`, or another script or module; `limits` are those of `resource`: {"FSIZE": 10}."""
    path = ROOT / "src" / f"{script}.py" if isinstance(script, str) and script.isidentifier() else script
    given = os.environ | {"OMP_NUM_THREADS": "1", "COLUMNS": "80"} | dict(environment or {})
    return Process(path, words, cwd, given, limits or {})


@cache
def server() -> socket.socket:
    """The connection to this test process's own server, which ends with it."""
    ours, theirs = socket.socketpair()
    subprocess.Popen([sys.executable, __file__], stdin=theirs, env=os.environ | {"OMP_NUM_THREADS": "1"})
    theirs.close()
    return ours


def serve() -> None:
    """Fork a child for each request, and tell who waits for it how it ended."""
    from composition import composed_anew  # neighbours, as this file is a script here
    from PIL import Image
    from shortcuts import take

    sys.path.insert(0, str(ROOT / "src"))
    take()
    of_packages = [f"ganforge.{name}.{file.stem}" for name in PACKAGES for file in (SOURCE / name).glob("[!_]*.py")]
    for name in (*IMPORTED, *of_packages):
        import_module(name)
    Image.preinit()
    for name in ("train", "evaluate", "generate", "translate", "export", "search"):
        composed_anew(name)
    gc.freeze()
    requests = socket.socket(fileno=os.dup(0))
    woken, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wake)
    waiting: dict[int, int] = {}
    while True:
        ready, _, _ = select.select([requests, woken], [], [])
        if woken in ready:
            os.read(woken, 4096)
            tell_the_end(waiting)
        if requests in ready:
            byte, files, _, _ = socket.recv_fds(requests, 1, 4)
            if not byte:
                return
            request, output, errors, ended = files
            child = os.fork()
            if child == 0:
                signal.set_wakeup_fd(-1)
                script, words, cwd, environment, limits = json.loads(text_of(request))
                for number, file in enumerate((os.open(os.devnull, os.O_RDONLY), output, errors)):
                    os.dup2(file, number)
                    os.close(file)
                for file in (requests.detach(), woken, wake, ended, *waiting.values()):
                    os.close(file)
                become(script, words, cwd, environment, limits)
            requests.send(child.to_bytes(8, "little"))
            waiting[child] = ended
            for file in (request, output, errors):
                os.close(file)


def tell_the_end(waiting: dict[int, int]) -> None:
    for child in list(waiting):
        number, status = os.waitpid(child, os.WNOHANG)
        if number:
            ended = waiting.pop(child)
            os.write(ended, os.waitstatus_to_exitcode(status).to_bytes(8, "little", signed=True))
            os.close(ended)


def become(script: str, words: list[str], cwd: str, environment: dict[str, str], limits: dict[str, int]) -> NoReturn:
    os.setsid()
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(environment)
    random.seed()
    time.tzset()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGCHLD, signal.SIGHUP, signal.SIGALRM):
        signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
    seconds = limits.pop("seconds", 0)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    for name, limit in limits.items():
        resource.setrlimit(getattr(resource, f"RLIMIT_{name}"), (limit, limit))
    sys.argv = [script, *words]
    code: Any = 0
    try:
        if script.endswith(".py"):
            sys.path[0] = str(Path(script).parent)
            runpy.run_path(script, run_name="__main__")
        else:
            sys.path[0] = cwd
            runpy.run_module(script, run_name="__main__", alter_sys=True)
    except SystemExit as end:
        code = end.code
    except BaseException:
        traceback.print_exc()
        code = 1
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(code or 0)  # to take all modules down one by one would take longer than most commands


if __name__ == "__main__":
    serve()
