"""What goes to the loggers while training: every term, logits, gradient norms, speed; the x axis is images seen."""

import time

import torch
from lightning import Trainer
from lightning.pytorch.loggers import TensorBoardLogger
from torch.utils.tensorboard.summary import hparams

from ganforge.callbacks.clock import Periodic
from ganforge.compat.lightning import table_of_hyperparameters
from ganforge.systems.system import System

COMPARED = ("images", "seed", "data", "model", "loss", "optimizer")
"""The parts of the configuration in TensorBoard's table of hyperparameters, beside the final scores."""


class Curves(Periodic):
    """Fetches the latest terms from their device every `every` images; in between nothing waits for the device."""

    def on_fit_start(self, trainer: Trainer, module: System) -> None:
        self.since = (time.perf_counter(), module.progress.images_seen)

    def due(self, trainer: Trainer, module: System) -> None:
        if not trainer.is_global_zero:
            return
        now = (time.perf_counter(), module.progress.images_seen)
        rate = (now[1] - self.since[1]) / (now[0] - self.since[0])
        self.since = now
        values = torch.stack([value.float() for value in module.progress.latest.values()]).tolist()
        metrics = dict(zip(module.progress.latest, values, strict=True)) | {"images_per_second": rate}
        for logger in trainer.loggers:
            logger.log_metrics(metrics, module.progress.images_seen)

    def on_train_end(self, trainer: Trainer, module: System) -> None:
        super().on_train_end(trainer, module)
        for logger in trainer.loggers:
            if trainer.is_global_zero and isinstance(logger, TensorBoardLogger):
                self._list_among_runs(logger, module)

    def _list_among_runs(self, logger: TensorBoardLogger, module: System) -> None:
        """Hyperparameters beside the scores that are logged already; Lightning's own way would log them twice."""
        compared = table_of_hyperparameters({key: module.hparams[key] for key in COMPARED})
        for summary in hparams(compared, {f"scores/{name}": value for name, value in module.progress.scores.items()}):
            logger.experiment.file_writer.add_summary(summary)
