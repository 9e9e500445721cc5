"""When something is due, in images seen.

What watches the clock has `every`: training steps end when the clock passes a multiple of it.
"""

from typing import Any

from lightning import Callback, Trainer

from ganforge.interfaces import Count
from ganforge.systems.system import System


class Periodic(Callback):
    """Calls `due` after the rounds in which the clock passes a multiple of `every` images, and once at the end.

    `last` is the moment when it was done last, and `before` the one before it. They are part of a checkpoint, so that a
    resumed run first does what was due when it stopped. Where something at that moment was not done, all of it is done
    again, because its records are written again.
    """

    def __init__(self, every: Count) -> None:
        self.every = every
        self.last = self.before = 0

    def due(self, trainer: Trainer, module: System) -> None:
        raise AssertionError("a subclass says what is due")

    def is_due(self, module: System) -> bool:
        return module.progress.images_seen // self.every > self.last // self.every

    def state_dict(self) -> dict[str, Any]:
        return {"last": self.last, "before": self.before}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.last, self.before = state["last"], state["before"]

    def on_train_start(self, trainer: Trainer, module: System) -> None:
        if not module.progress.callbacks_done and self.last == module.progress.images_seen:
            self.last = self.before
        self.on_train_batch_end(trainer, module)

    def on_train_batch_end(self, trainer: Trainer, module: System, *_: Any) -> None:
        if self.is_due(module):
            self._fire(trainer, module)

    def on_train_end(self, trainer: Trainer, module: System) -> None:
        if module.progress.images_seen > self.last:
            self._fire(trainer, module)

    def _fire(self, trainer: Trainer, module: System) -> None:
        earlier = self.before, self.last
        self.before, self.last = self.last, module.progress.images_seen
        try:
            self.due(trainer, module)
        except BaseException:
            self.before, self.last = earlier
            raise


class Budget(Callback):
    """Ends training when the discriminator has seen `images` real images."""

    def __init__(self, images: int) -> None:
        if images < 1:
            raise ValueError(f"images={images}: the budget must be at least one image")
        self.images = self.every = images

    def on_train_start(self, trainer: Trainer, module: System) -> None:
        self.on_train_batch_end(trainer, module)

    def on_train_batch_end(self, trainer: Trainer, module: System, *_: Any) -> None:
        trainer.should_stop |= module.progress.images_seen >= self.images
