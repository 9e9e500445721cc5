"""Sample grids of the same latents, so that a row of them shows how they learn."""

from pathlib import Path
from typing import Any

import torch
from lightning import Trainer
from lightning.pytorch.loggers import TensorBoardLogger
from torch import Tensor

from ganforge.artifacts.images import grid, labelled, save_png
from ganforge.callbacks.clock import Periodic
from ganforge.data.module import InMemoryData
from ganforge.interfaces import Batch, Count, Inputs
from ganforge.randomness import derived_generator, derived_seed
from ganforge.systems.system import System

SAMPLES = "samples"


class Samples(Periodic):
    """`count` images as `samples/<images seen>.png` and in TensorBoard; real images once, as `samples/real.png`.

    What else the system pictures goes beside them, as `samples/<images seen>_<name>.png`; that of translations is in
    their place.
    """

    def __init__(self, every: Count, count: int, seed: int, run_folder: str) -> None:
        super().__init__(every)
        if count < 1:
            raise ValueError(f"callbacks.samples.count must be at least 1, got {count}")
        self.count, self.seed = count, seed
        self.folder = Path(run_folder) / "samples"

    def on_train_start(self, trainer: Trainer, module: System) -> None:
        if trainer.is_global_zero and module.progress.images_seen == 0:
            real = grid(trainer.datamodule.held_out_split.images[: self.count])
            self._show(trainer, "real", real, "held-out real images", "real", 0)
            self.due(trainer, module)
        super().on_train_start(trainer, module)

    def due(self, trainer: Trainer, module: System) -> None:
        if trainer.is_global_zero:
            sampler, clock = module.sampler(), module.progress.images_seen
            if sampler.latent is not None:
                latents = sampler.latent.sample(self.count, generator=derived_generator("samples", self.seed))
                fake = grid(sampler.images(Inputs(latents)))
                self._show(trainer, f"{clock:09d}", fake, f"{clock:,} images seen", SAMPLES, clock)
            torch.manual_seed(derived_seed("pictures", self.seed))  # of dropout that stays on
            for name, rows in module.pictures(self._held_out(trainer.datamodule, module)).items():
                picture = grid(rows.flatten(0, 1), columns=rows.shape[1])
                file, caption = ("", "") if name == SAMPLES else (f"_{name}", f"{name}, ")
                self._show(trainer, f"{clock:09d}{file}", picture, f"{caption}{clock:,} images seen", name, clock)

    def _held_out(self, data: InMemoryData, module: System) -> Batch:
        some = data.held_out_split.at(slice(self.count))
        if data.held_out_sources is not None:
            some = some._replace(sources=data.held_out_sources.images[: self.count])
        dtype: Any = module.dtype
        return some.on(module.device).to_unit_range(dtype)

    def _show(self, trainer: Trainer, file: str, picture: Tensor, caption: str, tag: str, images_seen: int) -> None:
        save_png(self.folder / f"{file}.png", picture)
        for logger in trainer.loggers:
            if isinstance(logger, TensorBoardLogger):
                logger.experiment.add_image(tag, labelled(picture, caption), images_seen)
