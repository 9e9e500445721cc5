"""Large buffers stay with the process, and a long run holds no more of them than a short one."""

import gc
import platform
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
import torch
from lightning import Callback
from omegaconf import DictConfig

from ganforge.configuration.build import build

from ..conftest import TINY

FAULTS = """
import resource, torch
from ganforge.process.memory import keep_freed_memory
keep_freed_memory()


def turns(count):
    for _ in range(count):
        activations = [torch.ones(2_000_000) for _ in range(8)]


turns(10)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
turns(10)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="glibc's thresholds")
def test_freed_buffers_are_not_returned_to_the_system() -> None:
    """Page faults of ten turns that need 64 MB each, after ten such turns: without the thresholds 156,250.

    With them next to none, or the 19,531 of one of the eight buffers where it lies at the end of the heap.
    """
    assert int(subprocess.check_output([sys.executable, "-c", FAULTS], text=True)) < 45_000


class Census(Callback):
    """The tensors alive at some moments."""

    def __init__(self, *moments: int) -> None:
        self.moments = moments
        self.alive: list[int] = []

    def on_train_batch_end(self, trainer: Any, module: Any, *_: Any) -> None:
        if module.progress.images_seen in self.moments:
            gc.collect()
            self.alive.append(sum(isinstance(thing, torch.Tensor) for thing in gc.get_objects()))


@pytest.mark.parametrize("system", ["system.fakes=fresh", "system.fakes=shared", "system=one_stage"])
def test_no_tensor_outlives_its_round(composed: Callable[..., DictConfig], system: str) -> None:
    quick = ["metrics=none", "data.image_size=16", "data.batch_size=8", "images=2560", "log_every=64"]
    run, census = build(composed(*TINY["mlp"], *quick, "loss=r1", system)), Census(320, 2560)
    run.trainer.callbacks.append(census)
    run.fit()
    early, late = census.alive
    assert late <= early
