"""What a terminal shows of a run, and what a log file gets instead."""

import io
import pickle
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from rich.console import Console

from ganforge.callbacks.progress import ProgressBar
from ganforge.interfaces import Progress

TRAINER: Any = SimpleNamespace(is_global_zero=True)
LATEST = {
    "discriminator/adversarial": torch.tensor(1.0),
    "discriminator/r1": torch.tensor(0.5),
    "generator/adversarial": torch.tensor(2.0),
    "logits/real": torch.tensor(9.0),
}


def started(terminal: bool, show: bool = True) -> tuple[ProgressBar, Any]:
    """A bar with an output of its own, and a module that stands for a training one."""
    bar = ProgressBar(16, line_every=400, images=1000, monitor="fid_classifier", show=show)
    bar.console = Console(file=io.StringIO(), force_terminal=terminal, width=100, highlight=False)
    progress = Progress(images_seen=8, latest=LATEST, scores={"fid_classifier": 9.0})
    module: Any = SimpleNamespace(progress=progress, players=("discriminator", "generator"))
    bar.on_train_start(TRAINER, module)
    return bar, module


def written(bar: ProgressBar) -> str:
    output: Any = bar.console.file
    return output.getvalue()


@pytest.mark.parametrize("show", [True, False])
def test_a_log_file_gets_a_line_for_each_evaluation_each_interval_and_the_end(show: bool) -> None:
    bar, module = started(terminal=False, show=show)
    for module.progress.images_seen in (16, 512, 528, 816, 1008):
        if module.progress.images_seen == 512:
            module.progress.scores = {"fid_classifier": 3.14159}
        bar.due(TRAINER, module)
    lines = [f"{clock} images D 1.50 G 2.00 fid 3.142" for clock in ("512", "816", "1,008")]
    assert written(bar).splitlines() == (lines if show else [])


@pytest.mark.parametrize("interrupted", [False, True])
def test_a_terminal_gets_a_bar_that_ends_with_the_run(interrupted: bool) -> None:
    bar, module = started(terminal=True)
    assert bar.progress.tasks[0].completed == 8
    module.progress.images_seen = 1008
    bar.due(TRAINER, module)
    assert bar.progress.live.is_started
    if interrupted:
        bar.on_exception(TRAINER, module, KeyboardInterrupt())
    else:
        bar.on_train_end(TRAINER, module)
    assert not bar.progress.live.is_started
    assert "1,000/1,000 images" in written(bar)
    assert "D 1.50 G 2.00 fid 9" in written(bar)


def test_another_process_gets_a_console_of_its_own() -> None:
    bar = ProgressBar(16, line_every=400, images=1000, monitor=None)
    copied = pickle.loads(pickle.dumps(bar))
    assert (copied.every, copied.images, copied.monitor) == (16, 1000, None)
    assert isinstance(copied.console, Console)
