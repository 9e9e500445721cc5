"""Whether a run got as far as training."""

from pathlib import Path

from lightning import Callback, Trainer

from ganforge.artifacts.records import write_json
from ganforge.systems.gan import GANModule


class Status(Callback):
    """Writes `status.json` when training starts; whoever started the run writes how it ended."""

    def __init__(self, run_folder: str) -> None:
        self.file = Path(run_folder) / "status.json"

    def on_train_start(self, trainer: Trainer, module: GANModule) -> None:
        if trainer.is_global_zero:
            write_json(self.file, {"state": "running"})
