"""Whether a run got as far as training."""

from pathlib import Path

from lightning import Callback, LightningModule, Trainer

from ganforge.artifacts.records import write_json


class Status(Callback):
    """Writes `status.json` when training starts; whoever started the run writes how it ended."""

    def __init__(self, run_folder: str) -> None:
        self.file = Path(run_folder) / "status.json"

    def on_train_start(self, trainer: Trainer, module: LightningModule) -> None:
        if trainer.is_global_zero:
            write_json(self.file, {"state": "running"})
