"""A sweep in processes of their own: signals are left to the jobs, and its end says how to go on."""

import signal
from pathlib import Path

import pytest
from omegaconf import DictConfig, OmegaConf

from ganforge.launch.parallel import ParallelSweep
from ganforge.process import signals


def sweep(target: str, folder: str = "sweep") -> DictConfig:
    return OmegaConf.create({"hydra": {"launcher": {"_target_": target}, "sweep": {"dir": folder}}})


@pytest.mark.parametrize(
    ("launcher", "prepared"),
    [
        ("hydra_plugins.hydra_joblib_launcher.joblib_launcher.JoblibLauncher", ["bookkeepers", "workers"]),
        ("hydra._internal.core_plugins.basic_launcher.BasicLauncher", []),
    ],
)
def test_signals_are_left_to_the_jobs_where_these_have_processes(
    monkeypatch: pytest.MonkeyPatch, launcher: str, prepared: list[str]
) -> None:
    done: list[str] = []
    monkeypatch.setattr(signals, "start_ignoring_signals", lambda *starts: done.append("bookkeepers"))
    monkeypatch.setattr(signals, "pass_on_to_workers", lambda: done.append("workers"))
    ParallelSweep().on_multirun_start(sweep(launcher))
    assert done == prepared


def test_a_stopped_sweep_says_how_to_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.chdir(tmp_path)
    ParallelSweep().on_multirun_end(sweep("x"))
    signals.received.append(signal.SIGTERM)
    with pytest.raises(SystemExit, match=r"^143$"):
        ParallelSweep().on_multirun_end(sweep("x"))
    said = "stopped by SIGTERM, and saved\ngo on with: python src/train.py resume=sweep\n"
    assert capsys.readouterr().err == said
