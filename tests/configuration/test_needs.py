"""Who starts the processes of a run, and how many of them a machine has room for."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from lightning.pytorch.plugins.environments import LightningEnvironment, SLURMEnvironment
from omegaconf import DictConfig

from ganforge.compat.lightning import SubprocessScriptLauncher
from ganforge.configuration.build import build
from ganforge.configuration.needs import refuse_other_launchers

from ..conftest import TINY


def test_a_launcher_that_starts_processes_is_refused_unless_a_scheduler_has_started_all() -> None:
    def trainer(environment: Any) -> Any:
        return SimpleNamespace(strategy=SimpleNamespace(launcher=SubprocessScriptLauncher(environment, 2, 1)))

    refuse_other_launchers(trainer(SLURMEnvironment()), in_sweep=False)
    with pytest.raises(ValueError, match="would write several run folders"):
        refuse_other_launchers(trainer(LightningEnvironment()), in_sweep=False)
    with pytest.raises(ValueError, match="would write jobs of the sweep into one another"):
        refuse_other_launchers(trainer(LightningEnvironment()), in_sweep=True)


@pytest.mark.parametrize(("cores", "warned"), [(1, True), (2, False)])
def test_more_processes_than_cores_are_warned_of(
    composed: Callable[..., DictConfig],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture,
    cores: int,
    warned: bool,
) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda process: set(range(cores)), raising=False)
    build(composed(*TINY["mlp"], "data.image_size=16", "metrics=none", "logger=none", "trainer=ddp_cpu"))
    expected = (
        "warning: trainer.devices=2 processes share 1 processor cores, which makes them slower than fewer would be\n"
    )
    assert capsys.readouterr().err == (expected if warned else "")
