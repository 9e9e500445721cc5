"""When a run is saved, and which moment of it was the best."""

import math
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

from lightning import Trainer

from ganforge.artifacts.checkpoints import rotate
from ganforge.artifacts.evaluations import order
from ganforge.artifacts.files import link
from ganforge.artifacts.tensors import portable, save_generator
from ganforge.callbacks.clock import Periodic
from ganforge.callbacks.health import refuse_divergence
from ganforge.faults import Diverged, Stopped
from ganforge.interfaces import Count
from ganforge.systems.system import System


class Checkpoints(Periodic):
    """`last.ckpt` and the one before it, `previous.ckpt`; where `monitor` improves also `best.ckpt`. Also after scores.

    `generator.safetensors` is the averaged generator at the best score, or the last one where nothing is monitored;
    what else the system leaves, such as the generator of the other direction, or an encoder, is beside it.
    A run that is stopped by a signal is saved first.
    """

    def __init__(
        self,
        every: Count,
        run_folder: str,
        monitor: str | None,
        mode: Literal["min", "max"],
    ) -> None:
        super().__init__(every)
        self.run_folder = Path(run_folder)
        self.folder = self.run_folder / "checkpoints"
        self.monitor, self.mode = monitor, mode
        self.best, self.best_at = math.inf, 0

    def state_dict(self) -> dict[str, Any]:
        return super().state_dict() | {"best": self.best, "best_at": self.best_at}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        super().load_state_dict(state)
        self.best, self.best_at = state["best"], state["best_at"]

    def on_train_start(self, trainer: Trainer, module: System) -> None:
        """A resumed run may have been killed before its newest checkpoint had its name, or its best one a copy."""
        if trainer.is_global_zero:
            if trainer.ckpt_path and Path(trainer.ckpt_path) == self.folder / "next.ckpt":
                rotate(self.folder)
            if 0 < module.progress.images_seen == self.best_at:
                self._keep_best(trainer, module)
        super().on_train_start(trainer, module)

    def is_due(self, module: System) -> bool:
        return super().is_due(module) or self.last < module.progress.scored_at == module.progress.images_seen

    def due(self, trainer: Trainer, module: System) -> None:
        refuse_divergence(module)
        improved = self._improved(module)
        self._save(trainer, module)
        if trainer.is_global_zero and improved:
            self._keep_best(trainer, module)

    def on_exception(self, trainer: Trainer, module: System, exception: BaseException) -> None:
        if isinstance(exception, Stopped):
            with suppress(Diverged):
                refuse_divergence(module)
                self._save(trainer, module)

    def _save(self, trainer: Trainer, module: System) -> None:
        """What the loggers hold is written first: a resumed run goes on from there."""
        for logger in trainer.loggers:
            logger.save()
        others = [callback for callback in trainer.callbacks if isinstance(callback, Periodic) and callback is not self]
        module.progress.callbacks_done = not any(callback.is_due(module) for callback in others)
        trainer.save_checkpoint(self.folder / "next.ckpt")
        if trainer.is_global_zero:
            rotate(self.folder)

    def _keep_best(self, trainer: Any, module: System) -> None:
        if self.monitor is not None:
            link(self.folder / "last.ckpt", self.folder / "best.ckpt")
        facts = {"images_seen": module.progress.images_seen, "scores": module.progress.scores}
        for name, network in module.finished().items():
            config = portable(dict(module.hparams), name)
            known = {"scores": {}, "class_names": trainer.datamodule.class_names} if name == "classifier" else {}
            save_generator(self.run_folder / f"{name}.safetensors", network, config, facts | known)

    def _improved(self, module: System) -> bool:
        """Whether this moment is to be kept; without a score the latest always is."""
        if self.monitor is not None:
            if module.progress.scored_at != module.progress.images_seen:
                return False
            candidate = order(module.progress.scores[self.monitor], self.mode)
            if not candidate < (False, self.best):
                return False
            _, self.best = candidate
        self.best_at = module.progress.images_seen
        return True
