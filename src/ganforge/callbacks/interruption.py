"""A run that a signal interrupts finishes its round, is saved, and says which signal ended it."""

import signal
from types import FrameType
from typing import Any

from lightning import Callback, Trainer

from ganforge.compat.lightning import MultiProcessingLauncher
from ganforge.faults import Stopped
from ganforge.interfaces import Count
from ganforge.process import signals
from ganforge.systems.system import System

PREEMPTION = "SIGUSR2"
"""Handled where a library, such as submitit, has set a handler for it."""


class Interruption(Callback):
    """Turns the first signal into `Stopped` at the end of the round; a second Ctrl-C ends the process at once.

    Processes that train together agree every `every` images, on the same round. A run that has spent its budget is
    let finish.
    """

    def __init__(self, every: Count) -> None:
        self.every = every
        self.agreed = 0
        self.handlers: dict[int, Any] = {}

    def on_train_start(self, trainer: Trainer, module: System) -> None:
        self.agreed = module.progress.images_seen
        signals.received.clear()

        def stop(number: int, frame: FrameType | None) -> None:
            if signals.first(number):
                module.stop_signal = number

        preemption = getattr(signal, PREEMPTION, None)
        expected = [preemption] if preemption and callable(signal.getsignal(preemption)) else []
        self.handlers = signals.handle(stop, *expected)

    def on_train_batch_end(self, trainer: Trainer, module: System, *_: Any) -> None:
        if trainer.world_size > 1:
            if module.progress.images_seen // self.every == self.agreed // self.every:
                return
            self.agreed = module.progress.images_seen
            if not trainer.strategy.reduce_boolean_decision(module.stop_signal is not None, all=False):
                return
            module.stop_signal = module.stop_signal or signal.SIGTERM
        raise_if_interrupted(trainer, module)

    def teardown(self, trainer: Trainer, module: System, stage: str) -> None:
        signals.restore(self.handlers)
        self.handlers = {}


def raise_if_interrupted(trainer: Trainer, module: System) -> None:
    """Raises `Stopped` if a signal has asked for it and the run is not at its end anyway."""
    if module.stop_signal is not None and not trainer.should_stop:
        stop = Stopped(module.stop_signal, module.progress.images_seen)
        if isinstance(trainer.strategy.launcher, MultiProcessingLauncher):  # Lightning tells callbacks in the parent
            for callback in trainer.callbacks:
                callback.on_exception(trainer, module, stop)
        raise stop
