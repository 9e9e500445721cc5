"""Sample grids of the same latents, so that a row of them shows how they learn."""

from pathlib import Path

from lightning import Trainer
from lightning.pytorch.loggers import TensorBoardLogger

from ganforge.artifacts.images import grid, labelled, save_png
from ganforge.callbacks.clock import Periodic
from ganforge.randomness import derived_generator
from ganforge.systems.gan import GANModule


class Samples(Periodic):
    """`count` images as `samples/<images seen>.png` and in TensorBoard; real images once, as `samples/real.png`."""

    def __init__(self, every: int, count: int, seed: int, run_folder: str) -> None:
        super().__init__(every)
        if count < 1:
            raise ValueError(f"callbacks.samples.count must be at least 1, got {count}")
        self.count, self.seed = count, seed
        self.folder = Path(run_folder) / "samples"

    def on_train_start(self, trainer: Trainer, module: GANModule) -> None:
        if trainer.is_global_zero and module.images_seen == 0:
            reals = trainer.datamodule.held_out_split.images[: self.count]
            self._show(trainer, "real", grid(reals), "real", 0)
            self.due(trainer, module)

    def due(self, trainer: Trainer, module: GANModule) -> None:
        if trainer.is_global_zero:
            latents = module.latent.sample(self.count, generator=derived_generator("samples", self.seed))
            picture = grid(module.images_from(latents))
            self._show(trainer, f"{module.images_seen:09d}", picture, "samples", module.images_seen)

    def _show(self, trainer: Trainer, file: str, picture: object, tag: str, images_seen: int) -> None:
        caption = f"{images_seen:,} images seen" if tag == "samples" else "held-out real images"
        save_png(self.folder / f"{file}.png", picture)  # type: ignore[arg-type]
        for logger in trainer.loggers:
            if isinstance(logger, TensorBoardLogger):
                page = labelled(picture, caption)  # type: ignore[arg-type]
                logger.experiment.add_image(tag, page, images_seen)
