"""When a run is saved, and which moment of it was the best."""

import math
from pathlib import Path
from typing import Any, Literal

from lightning import Trainer

from ganforge.artifacts.tensors import save_generator
from ganforge.callbacks.clock import Periodic
from ganforge.callbacks.health import refuse_divergence
from ganforge.systems.gan import GANModule


class Checkpoints(Periodic):
    """`last.ckpt` and the one before it, `previous.ckpt`; where `monitor` improves also `best.ckpt`.

    `generator.safetensors` is the averaged generator at the best score, or the last one where nothing is monitored.
    """

    def __init__(
        self,
        every: int,
        run_folder: str,
        monitor: str | None,
        mode: Literal["min", "max"],
    ) -> None:
        super().__init__(every)
        self.run_folder = Path(run_folder)
        self.folder = self.run_folder / "checkpoints"
        self.monitor, self.mode = monitor, mode
        self.best = math.inf

    def state_dict(self) -> dict[str, Any]:
        return {"best": self.best}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.best = state["best"]

    def due(self, trainer: Trainer, module: GANModule) -> None:
        refuse_divergence(module)
        improved = self._improved(module.scores)
        last = self.folder / "last.ckpt"
        if trainer.is_global_zero and last.exists():
            last.replace(self.folder / "previous.ckpt")
        trainer.save_checkpoint(last)
        if not trainer.is_global_zero or not improved:
            return
        if self.monitor is not None:
            best = self.folder / "best.ckpt"
            best.unlink(missing_ok=True)
            best.hardlink_to(last)
        facts = {"images_seen": module.images_seen, "scores": module.scores}
        save_generator(
            self.run_folder / "generator.safetensors", module.averaged_generator, dict(module.hparams), facts
        )

    def _improved(self, scores: dict[str, float]) -> bool:
        """Whether this moment is to be kept; without a score the latest always is."""
        if self.monitor is None:
            return True
        cost = scores[self.monitor] if self.mode == "min" else -scores[self.monitor]
        if not cost < self.best:
            return False
        self.best = cost
        return True
