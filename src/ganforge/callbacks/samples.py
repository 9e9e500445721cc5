"""Sample grids of the same latents, so that a row of them shows how they learn."""

from pathlib import Path

from lightning import Trainer
from lightning.pytorch.loggers import TensorBoardLogger
from torch import Tensor

from ganforge.artifacts.images import grid, labelled, save_png
from ganforge.callbacks.clock import Periodic
from ganforge.interfaces import Count, Inputs
from ganforge.randomness import derived_generator
from ganforge.systems.system import System


class Samples(Periodic):
    """`count` images as `samples/<images seen>.png` and in TensorBoard; real images once, as `samples/real.png`.

    What else the system pictures goes beside them, as `samples/<images seen>_<name>.png`.
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
            latents = sampler.latent.sample(self.count, generator=derived_generator("samples", self.seed))
            fake = grid(sampler.images(Inputs(latents)))
            self._show(trainer, f"{clock:09d}", fake, f"{clock:,} images seen", "samples", clock)
            real = trainer.datamodule.held_out_split.images[: self.count]
            for name, rows in module.pictures(real).items():
                picture = grid(rows.flatten(0, 1), columns=rows.shape[1])
                self._show(trainer, f"{clock:09d}_{name}", picture, f"{name}, {clock:,} images seen", name, clock)

    def _show(self, trainer: Trainer, file: str, picture: Tensor, caption: str, tag: str, images_seen: int) -> None:
        save_png(self.folder / f"{file}.png", picture)
        for logger in trainer.loggers:
            if isinstance(logger, TensorBoardLogger):
                logger.experiment.add_image(tag, labelled(picture, caption), images_seen)
