"""How far a run has come, as it goes along."""

from pathlib import Path
from typing import Any

from lightning import Callback, Trainer

from ganforge.artifacts.records import write_json
from ganforge.systems.system import System


class Status(Callback):
    """Writes to `status.json` that a first step was made, and that training came to its end.

    It is part of every run, whatever the configuration says. That a run is finished is decided by the clock, as
    callbacks and Lightning have limits of their own, and written when everything else of the run is.
    """

    def __init__(self, file: Path, record: dict[str, Any], images: int) -> None:
        self.file, self.record, self.images = file, record, images
        self.trained = False

    def on_train_batch_end(self, trainer: Trainer, module: System, *_: Any) -> None:
        if not self.trained:
            self.trained = True
            self._write(trainer, state="running")

    def on_fit_end(self, trainer: Trainer, module: System) -> None:
        state = "finished" if module.progress.images_seen >= self.images else "ended"
        self._write(trainer, state=state, images_seen=module.progress.images_seen)

    def _write(self, trainer: Trainer, **facts: Any) -> None:
        if trainer.is_global_zero:
            write_json(self.file, self.record | facts)
