"""`python -m tests.end_to_end.ranks FOLDER words...`: what one or more processes compute, written to FOLDER/<rank>.pt.

All that is random is a function of the real image beside it, so that the same global batch gives the same gradients
however it is shared out.
"""

import sys
from pathlib import Path
from typing import Any

import torch
from hydra import compose, initialize_config_dir
from torch import Tensor

from ganforge.configuration.build import build
from ganforge.interfaces import Batch, Inputs
from ganforge.randomness import derived_generator
from ganforge.regularizers import gradient_penalties
from ganforge.sampling.latent import Latent
from ganforge.systems.system import System

from ..conftest import ROOT


def from_content(images: Tensor, columns: int) -> Tensor:
    """(B, columns) in [0, 1), a chaotic function of each image alone."""
    pixels = images.detach().flatten(1).double()
    mixed = pixels @ torch.randn(pixels.shape[1], columns, generator=derived_generator("mix"), dtype=torch.float64)
    return (mixed * 10).sin().abs().mul(1000).frac().to(images.dtype)


gradient_penalties.uniform_per_image = lambda images: from_content(images, 1)[..., None, None]


class Remembering(System):
    """Remembers the gradient of every turn, and the first random numbers that it would have drawn."""

    latent: Latent | None

    def inputs(self, batch: Batch) -> Inputs:
        """Of a GAN; a translation has no latents."""
        return super().inputs(batch) if self.latent is None else Inputs(self.noise(batch), batch.labels)  # type: ignore[misc]

    def targets(self, batch: Batch) -> Tensor:
        """Of a StarGAN."""
        assert batch.labels is not None
        return (batch.labels + 10 * from_content(batch.images, 1)[:, 0]).long() % 10

    def noise(self, batch: Batch) -> Tensor:
        """Of an autoencoder."""
        assert self.latent is not None
        return from_content(batch.images, self.latent.dim) * 2 - 1

    def on_before_optimizer_step(self, optimizer: torch.optim.Optimizer) -> None:
        super().on_before_optimizer_step(optimizer)
        if not hasattr(self, "gradients"):
            self.gradients: list[Tensor] = []
            self.drawn = torch.rand(3)
        parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
        self.gradients.append(torch.cat([parameter.grad.flatten().clone() for parameter in parameters]))

    def on_train_end(self) -> None:
        found: dict[str, Any] = {"gradients": self.gradients, "drawn": self.drawn}
        found["scores"] = self.progress.scores
        found["weights"] = dict(self.state_dict())
        torch.save(found, Path(self.hparams["paths"]["run"]) / f"{self.global_rank}.pt")


def main(folder: Path, words: list[str]) -> None:
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        config = compose("train", words)
    config.paths.run, config.paths.outputs = str(folder), str(folder.parent)
    folder.mkdir()
    experiment = build(config)
    system = type(experiment.system)
    experiment.system.__class__ = type(system.__name__, (Remembering, system), {})
    experiment.fit()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
