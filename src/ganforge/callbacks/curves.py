"""What goes to the loggers while training: every term, logits, gradient norms, speed; the x axis is images seen."""

import time
from typing import Any

import torch
from lightning import Trainer
from lightning.pytorch.loggers import TensorBoardLogger

from ganforge.callbacks.clock import Periodic
from ganforge.systems.gan import GANModule

COMPARED = ("images", "seed", "data", "model", "loss", "optimizer")
"""The parts of the configuration in TensorBoard's table of hyperparameters, beside the final scores."""


class Curves(Periodic):
    """Fetches `module.observed` from its device every `every` images; in between nothing waits for the device."""

    def on_fit_start(self, trainer: Trainer, module: GANModule) -> None:
        super().on_fit_start(trainer, module)
        self.since = (time.perf_counter(), module.images_seen)

    def on_train_batch_start(self, trainer: Trainer, module: GANModule, batch: Any, batch_idx: int) -> None:
        per_round = module.batches_per_round * trainer.datamodule.batch_size
        module.observing = (module.images_seen + per_round) // self.every > self.last // self.every

    def due(self, trainer: Trainer, module: GANModule) -> None:
        if not trainer.is_global_zero:
            return
        now = (time.perf_counter(), module.images_seen)
        rate = (now[1] - self.since[1]) / (now[0] - self.since[0])
        self.since = now
        values = torch.stack([value.float() for value in module.observed.values()]).tolist()
        metrics = dict(zip(module.observed, values, strict=True)) | {"images_per_second": rate}
        for logger in trainer.loggers:
            logger.log_metrics(metrics, module.images_seen)

    def on_train_end(self, trainer: Trainer, module: GANModule) -> None:
        super().on_train_end(trainer, module)
        for logger in trainer.loggers:
            if isinstance(logger, TensorBoardLogger):
                final = {f"scores/{name}": value for name, value in module.scores.items()}
                logger.log_hyperparams({key: module.hparams[key] for key in COMPARED}, final, step=module.images_seen)
