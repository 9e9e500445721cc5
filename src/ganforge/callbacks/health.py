"""Stops a run that can no longer learn anything."""

import torch
from lightning import Trainer

from ganforge.callbacks.clock import Periodic
from ganforge.faults import Diverged
from ganforge.systems.system import System


def refuse_divergence(module: System) -> None:
    """Raises `Diverged` if a term of a player, or a weight, is NaN or infinite; waits for the device."""
    for name, value in module.progress.latest.items():
        player, _, term = name.partition("/")
        if player in module.players and not value.isfinite():
            raise Diverged(
                f"{player}: the term {term} is {value.item()} after {module.progress.images_seen:,} images. "
                "Lower the learning rates, clip gradients (training.gradient_clip_val=) or add a penalty"
            )
    for name, weight in module.named_parameters():
        if not torch.stack(weight.aminmax()).isfinite().all():  # a tenth of the time of a look at each number
            raise Diverged(f"the weight {name} is not finite after {module.progress.images_seen:,} images")


class Health(Periodic):
    """Looks for divergence every `every` images, and once at the end."""

    def due(self, trainer: Trainer, module: System) -> None:
        refuse_divergence(module)
