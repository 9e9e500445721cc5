"""The generator of a run at a moment, from its checkpoint or its file of weights, ready to draw."""

from pathlib import Path
from typing import Literal, NamedTuple

import torch
from hydra.utils import get_object
from omegaconf import DictConfig
from torch import Tensor, nn

from ganforge.artifacts.checkpoints import Checkpoint, load_whole, newest
from ganforge.artifacts.tensors import drawing_part
from ganforge.configuration.build import create
from ganforge.configuration.trust import refuse_untrusted_targets
from ganforge.pretrained import from_pretrained
from ganforge.process.terminal import warn
from ganforge.sampling.sampler import Sampler

Moment = Literal["best", "last"]


class Weights(NamedTuple):
    """A generator's state at a moment, and the file that it comes from."""

    source: Path
    images_seen: int
    state: dict[str, Tensor]


def stored_weights(folder: Path, moment: Moment, run: DictConfig) -> Weights:
    """Those of the checkpoint; `generator.safetensors`, the averaged generator at its best, can stand for the best."""
    checkpoint = stored_checkpoint(folder, moment)
    if checkpoint is not None:
        network = drawing_network(run)
        state = {
            name.removeprefix(network): tensor
            for name, tensor in checkpoint.state["state_dict"].items()
            if name.startswith(network)
        }
        return Weights(checkpoint.path, checkpoint.images_seen, state)
    source = folder / "generator.safetensors"
    if moment == "last" or run.metrics.sample_from == "live" or not source.exists():
        raise ValueError(
            f"{folder} has no {moment} checkpoint. "
            "Without one, generator.safetensors there can be scored with checkpoint=best weights=ema"
        )
    generator = from_pretrained(source)
    if not isinstance(generator.facts.get("images_seen"), int):
        raise ValueError(f"{source} does not say how many images its generator has seen")
    return Weights(source, generator.facts["images_seen"], generator.network.state_dict())


def drawing_network(run: DictConfig) -> str:
    """The prefix of its weights in a checkpoint; ValueError where a run draws nothing."""
    refuse_untrusted_targets(run)
    system = get_object(run.system._target_)
    prefix = getattr(system, "drawing", {}).get(run.metrics.sample_from)
    if prefix is None:
        raise ValueError(f"{system.__name__} draws nothing that could be scored: use src/detect.py")
    return f"{prefix}."


def stored_checkpoint(run: Path, moment: Moment) -> Checkpoint | None:
    """The best one, or the newest one that is whole."""
    folder = run / "checkpoints"
    if moment == "last":
        return newest(folder, warn)
    path = folder / "best.ckpt"
    return Checkpoint(path, load_whole(path)) if path.exists() else None


def sampler_with(weights: Weights, run: DictConfig, device: torch.device) -> Sampler:
    """What draws from these weights; no memory is ever taken for anything else."""
    part = drawing_part(run.model)
    with torch.device("meta"):
        network: nn.Module = create(run.model[part], f"model.{part}")
    try:
        network.load_state_dict(weights.state, assign=True)
    except RuntimeError as error:
        reason = str(error).splitlines()[-1].strip()
        raise ValueError(f"{weights.source} does not fit the configuration of the run: {reason}") from error
    network.requires_grad_(False).to(memory_format=torch.channels_last).to(device)
    return Sampler(network, create(run.model.latent, "model.latent") if "latent" in run.model else None)
