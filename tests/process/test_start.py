"""The first lines of a process: how it hears signals, and with whom it ends."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ganforge.launch import cluster
from ganforge.process import signals

from ..conftest import ROOT

SCRIPTS = {"train": "hydra", "evaluate": "hydra", "generate": "hydra", "export": "hydra", "search": "hydra"}
SCRIPTS["compare"] = "argparse"
"""Each with the first import that takes time."""
SLEEPER = "import ganforge.process.start, time; print('ready', flush=True); time.sleep(60)"
PARENT = """
import os, subprocess, sys
from ganforge.process.lifetime import PARENT
child = subprocess.Popen([sys.executable, "-c", sys.argv[1]], env=os.environ | {PARENT: str(os.getpid())})
print(child.pid, flush=True)
child.wait()
"""


@pytest.mark.parametrize("script", SCRIPTS)
def test_ctrl_c_while_libraries_are_imported_is_one_line(tmp_path: Path, script: str) -> None:
    (tmp_path / f"{SCRIPTS[script]}.py").write_text("import os, time\nos.kill(os.getpid(), 2)\ntime.sleep(60)")
    path = f"{tmp_path}{os.pathsep}{ROOT / 'src'}"
    result = subprocess.run(
        [sys.executable, ROOT / "src" / f"{script}.py", "--help"],
        capture_output=True, text=True, timeout=60, env=os.environ | {"PYTHONPATH": path},
    )  # fmt: skip
    assert (result.returncode, result.stdout, result.stderr) == (130, "", "interrupted\n")


@pytest.mark.parametrize("script", ["train", "compare"])
def test_help_is_there_without_docstrings(script: str) -> None:
    words = [sys.executable, "-OO", ROOT / "src" / f"{script}.py", "--help"]
    result = subprocess.run(words, capture_output=True, text=True, timeout=300)
    assert result.returncode == 0, result.stderr
    assert f"python src/{script}.py" in result.stdout


def test_a_width_of_nothing_is_none_and_no_letter_is_an_error() -> None:
    code = "import ganforge.process.start, os; print(os.environ.get('COLUMNS'), 'ü')"
    environment = os.environ | {"COLUMNS": "0", "PYTHONIOENCODING": "ascii", "PYTHONPATH": str(ROOT / "src")}
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment)
    assert (result.stdout, result.stderr) == ("None \\xfc\n", "")


def test_the_folder_of_conf_is_found_from_the_code_unless_it_is_said() -> None:
    code = "import ganforge.process.start, os; print(os.environ['PROJECT_ROOT'])"
    without = {name: value for name, value in os.environ.items() if name != "PROJECT_ROOT"}
    for said, expected in (({}, ROOT), ({"PROJECT_ROOT": "/elsewhere"}, "/elsewhere")):
        environment = without | {"PYTHONPATH": str(ROOT / "src")} | said
        result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment)
        assert result.stdout == f"{expected}\n"


@pytest.mark.parametrize("without", ["", "import ctypes; ctypes.CDLL = None; "])
def test_a_child_ends_with_its_parent(without: str) -> None:
    """By the system, or by a thread of its own."""
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, without + SLEEPER], stdout=subprocess.PIPE, text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT / "src")},
    )  # fmt: skip
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    assert parent.stdout.readline() == "ready\n"
    parent.kill()
    parent.wait()
    assert ends(child)


def test_a_child_whose_parent_has_ended_before_does_not_begin() -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src"), "GANFORGE_PARENT": str(ended.pid)}
    result = subprocess.run([sys.executable, "-c", SLEEPER], capture_output=True, env=environment, timeout=30)
    assert (result.returncode, result.stdout) == (1, b"")


def ends(number: int) -> bool:
    for _ in range(300):
        try:
            os.kill(number, 0)
        except ProcessLookupError:
            return True
        if "(zombie)" in Path(f"/proc/{number}/status").read_text():
            return True
        time.sleep(0.1)
    return False


def test_sighup_that_is_ignored_stays_so() -> None:
    """As `nohup` has it."""
    earlier = signal.getsignal(signal.SIGHUP)
    try:
        for handler, asks in ((signal.SIG_IGN, False), (signal.SIG_DFL, True)):
            signal.signal(signal.SIGHUP, handler)
            assert (signal.SIGHUP in signals.asking()) == asks
    finally:
        signal.signal(signal.SIGHUP, earlier)


@pytest.mark.parametrize(
    ("said", "complaint"),
    [
        ({"RANK": "1", "WORLD_SIZE": "2"}, "RANK=1 and WORLD_SIZE=2"),
        ({"RANK": "0", "WORLD_SIZE": "2"}, "RANK=0 and WORLD_SIZE=2"),
        ({"RANK": "abc"}, "RANK=abc"),
        ({"RANK": "0", "WORLD_SIZE": "1"}, None),
        ({"RANK": "1", "WORLD_SIZE": "2", "TORCHELASTIC_RUN_ID": "x"}, None),
        ({"RANK": "1", "SLURM_PROCID": "1"}, None),
    ],
)
def test_a_rank_that_no_launcher_gave_is_refused(
    monkeypatch: pytest.MonkeyPatch, said: dict[str, str], complaint: str | None
) -> None:
    for name in ("RANK", "WORLD_SIZE", "TORCHELASTIC_RUN_ID", "SLURM_PROCID"):
        monkeypatch.delenv(name, raising=False)
    for name, value in said.items():
        monkeypatch.setenv(name, value)
    if complaint is None:
        cluster.refuse_half_a_launcher()
        assert cluster.rank() == int(said["RANK"])
        return
    with pytest.raises(ValueError, match=f"{complaint} would make this a part of a group: unset RANK"):
        cluster.refuse_half_a_launcher()
