"""Bounds on the likelihood of held-out images while an autoencoder trains."""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from lightning import Trainer
from torch import Tensor

from ganforge.artifacts.evaluations import RECORDS
from ganforge.callbacks.clock import Periodic
from ganforge.callbacks.health import refuse_divergence
from ganforge.callbacks.interruption import raise_if_interrupted
from ganforge.callbacks.measured import about, write
from ganforge.interfaces import Batch, Count
from ganforge.losses.elbo import log_mean_exp
from ganforge.randomness import derived_generator
from ganforge.systems.vae import VAE

BLOCK = 10_000
"""Samples that are decoded at once."""
BY = "bounds"


class Bounds(Periodic):
    """Appends lower bounds on log p(x), means over `images` held-out images, to `metrics.jsonl`.

    `elbo` is the evidence lower bound, with the divergence in closed form; `iwae_<k>` the importance-weighted bound
    with k samples (Burda et al. 2016, equation 8), for each k of `samples`: in nats per image, and as `bits_...` the
    negative in bits per dimension. All are of the averaged weights, and of the same max(samples) draws of z for each
    image, which depend on `seed` alone.
    """

    def __init__(self, every: Count, images: Count, samples: list[Count], seed: int, run_folder: str) -> None:
        super().__init__(every)
        if not samples:
            raise ValueError("callbacks.bounds.samples should name at least one number of samples")
        self.images, self.samples, self.seed = images, sorted(samples), seed
        self.records = Path(run_folder) / RECORDS

    def on_fit_start(self, trainer: Trainer, module: Any) -> None:
        if not isinstance(module, VAE):
            raise ValueError("callbacks=autoencoder goes with model=vae or vae_conv: leave it out")

    def due(self, trainer: Trainer, module: Any) -> None:
        refuse_divergence(module)
        if not trainer.is_global_zero:
            return
        images, clock = trainer.datamodule.held_out_split.images[: self.images], module.progress.images_seen
        of_each = list(self._bounds(trainer, module, images))
        nats = {name: torch.cat([one[name] for one in of_each]).mean().item() for name in of_each[0]}
        scores = {f"{name}_{module.elbo.name}": value for name, value in nats.items()}
        scores |= {f"bits_{name}": -value / (images[0].numel() * math.log(2)) for name, value in scores.items()}
        stamp = about(trainer.datamodule, images) | {"seed": self.seed} | module.averaged.likelihood.describe()
        write({"images_seen": clock, "scores": scores, "stamp": stamp, "by": BY}, self.records, trainer)

    def _bounds(self, trainer: Trainer, module: VAE, images: Tensor) -> Iterator[dict[str, Tensor]]:
        """Every bound of a few images at a time, in nats, each (B,)."""
        most = self.samples[-1]
        for number, few in enumerate(images.split(max(1, BLOCK // most))):
            if trainer.world_size == 1:
                raise_if_interrupted(trainer, module)
            generator = derived_generator("bounds", self.seed, number)
            noise = torch.randn(most, len(few), module.latent.dim, generator=generator).to(module.device)
            few = Batch(few).on(module.device).to_unit_range(module.dtype).images  # type: ignore[arg-type]
            q = module.averaged.encode(few)
            log_likelihood = module.averaged.log_likelihood(few, q, noise)
            weights = log_likelihood + q.log_ratio(noise)
            bounds = {"elbo": log_likelihood.mean(0) - q.divergence().sum(1)}
            yield bounds | {f"iwae_{count}": log_mean_exp(weights, count) for count in self.samples}
