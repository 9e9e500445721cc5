"""Hundreds of command lines, each in a process of its own that has imported everything when it is born.

Run as a script this is a server: it reads a line of JSON for each command and forks a child that becomes it. A child
has the whole state of a fresh `python src/train.py` but for the imports.
"""

import json
import os
import resource
import runpy
import signal
import subprocess
import sys
import tempfile
import traceback
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

ROOT = Path(__file__).resolve().parents[2]
MEMORY = 8 * 2**30
IMPORTED = ("build", "comparison.report", "exporting", "generation", "rescoring", "resume", "run", "search.study")


class Result(NamedTuple):
    """`code` is -9 for a command that took longer than it may."""

    code: int
    output: str
    errors: str


class Commands:
    """The server's other end."""

    def __init__(self) -> None:
        self.server = subprocess.Popen(
            [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env=os.environ | {"OMP_NUM_THREADS": "1", "COLUMNS": "80", "PROJECT_ROOT": str(ROOT)},
        )  # fmt: skip

    def __call__(self, script: str, *words: str, cwd: Path, seconds: int = 60) -> Result:
        assert self.server.stdin is not None and self.server.stdout is not None
        self.server.stdin.write(json.dumps([script, words, str(cwd), seconds]) + "\n")
        self.server.stdin.flush()
        return Result(*json.loads(self.server.stdout.readline()))

    def close(self) -> None:
        self.server.kill()
        self.server.communicate()


def serve() -> None:
    sys.path.insert(0, str(ROOT / "src"))
    for name in IMPORTED:
        import_module(f"ganforge.{name}")
    for line in sys.stdin:
        print(json.dumps(result_of(*json.loads(line))), flush=True)


def result_of(script: str, words: list[str], cwd: str, seconds: int) -> Result:
    with tempfile.TemporaryFile("w+b") as output, tempfile.TemporaryFile("w+b") as errors:
        child = os.fork()
        if child == 0:
            become(script, words, cwd, seconds, output.fileno(), errors.fileno())
        _, status = os.waitpid(child, 0)
        texts = []
        for file in (output, errors):
            file.seek(0)
            texts.append(file.read().decode(errors="backslashreplace"))
    return Result(os.waitstatus_to_exitcode(status), *texts)


def become(script: str, words: list[str], cwd: str, seconds: int, output: int, errors: int) -> NoReturn:
    """Run `python src/{script}.py` here, and end as Python would."""
    code: Any = 0
    os.setsid()
    os.chdir(cwd)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(output, 1)
    os.dup2(errors, 2)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    path = str(ROOT / "src" / f"{script}.py")
    sys.argv = [path, *words]
    try:
        runpy.run_path(path, run_name="__main__")
    except SystemExit as end:
        code = end.code
        if isinstance(code, str):
            print(code, file=sys.stderr)
            code = 1
    except BaseException:
        traceback.print_exc()
        code = 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code or 0)


if __name__ == "__main__":
    serve()
