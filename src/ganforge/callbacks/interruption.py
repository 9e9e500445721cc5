"""What happens when a run is told to stop: it finishes its round, is saved, and says by which signal it ended."""

import signal
from types import FrameType
from typing import Any

from lightning import Callback, Trainer

from ganforge.faults import Stopped
from ganforge.interfaces import Count
from ganforge.systems.gan import GANModule

ALWAYS = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1)
IF_EXPECTED = (signal.SIGUSR2,)
"""Handled where somebody, such as submitit, has a handler for it: its way to announce a preemption."""


class Interruption(Callback):
    """Turns the first signal into `Stopped` at the end of the round; a second Ctrl-C ends the process at once.

    Processes that train together agree every `every` images, on the same round. A run that has spent its budget is
    let finish.
    """

    def __init__(self, every: Count) -> None:
        self.every = every
        self.agreed = 0
        self.handlers: dict[int, Any] = {}

    def on_train_start(self, trainer: Trainer, module: GANModule) -> None:
        self.agreed = module.images_seen

        def stop(number: int, frame: FrameType | None) -> None:
            if number == signal.SIGINT and module.stop_signal == number:
                raise KeyboardInterrupt
            module.stop_signal = module.stop_signal or number

        expected = [number for number in IF_EXPECTED if callable(signal.getsignal(number))]
        self.handlers = {number: signal.signal(number, stop) for number in (*ALWAYS, *expected)}

    def on_train_batch_end(self, trainer: Trainer, module: GANModule, *_: Any) -> None:
        if trainer.world_size > 1:
            if module.images_seen // self.every == self.agreed // self.every:
                return
            self.agreed = module.images_seen
            if trainer.strategy.reduce_boolean_decision(module.stop_signal is not None, all=False):
                module.stop_signal = module.stop_signal or signal.SIGTERM
        stop_if_told(trainer, module)

    def teardown(self, trainer: Trainer, module: GANModule, stage: str) -> None:
        for number, handler in self.handlers.items():
            signal.signal(number, handler)
        self.handlers = {}


def stop_if_told(trainer: Trainer, module: GANModule) -> None:
    """Raises `Stopped` if a signal has asked for it and the run is not at its end anyway."""
    if module.stop_signal is not None and not trainer.should_stop:
        raise Stopped(module.stop_signal, module.images_seen)
