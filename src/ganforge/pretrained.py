"""A finished generator from its file, with neither Hydra nor Lightning.

from ganforge.pretrained import from_pretrained
generator = from_pretrained("outputs/train/my_run")
images = generator.sample(16, seed=0)
"""

import inspect
import json
from importlib import import_module
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from ganforge.randomness import derived_generator
from ganforge.systems.latent import Latent

WEIGHTS = ("generator.safetensors", "model.safetensors")
"""What the weights are called in a run folder and in an exported one."""
BLOCK = 32


class PretrainedGenerator(nn.Module):
    """A generator with the prior it was trained on.

    `config` is the configuration that it was trained with, `facts` what is known of it (`images_seen`, `scores`).
    """

    def __init__(self, network: nn.Module, latent: Latent, config: dict[str, Any], facts: dict[str, Any]) -> None:
        super().__init__()
        self.network = network.eval().requires_grad_(False).to(memory_format=torch.channels_last)
        self.latent = latent
        self.config, self.facts = config, facts

    def forward(self, z: Tensor, label: Tensor | None = None) -> Tensor:
        """latents (B, latent_dim) -> images (B, C, H, W) in [-1, 1]."""
        return self.network(z, label)

    def latents(self, count: int, seed: int = 0, truncation: float | None = None, first: int = 0) -> Tensor:
        """Latents number `first` .. `first + count - 1` of a seed; each is a function of its number and the seed alone.

        `truncation` bounds every coordinate, redistributing what lies beyond (Brock et al. 2019, section 3.1).
        """
        return torch.cat(
            [
                self.latent.sample(1, generator=derived_generator("generate", seed, number), truncation=truncation)
                for number in range(first, first + count)
            ]
        )

    def sample(
        self,
        count: int,
        seed: int = 0,
        truncation: float | None = None,
        labels: Tensor | None = None,
        first: int = 0,
    ) -> Tensor:
        """Images (count, C, H, W) in [-1, 1]; image number i of a seed is the same whatever else is asked for."""
        return self.images_from(self.latents(count, seed, truncation, first), labels)

    @torch.no_grad()
    def images_from(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        """Images for latents (B, latent_dim), always computed BLOCK at a time, so that rounding never depends on B."""
        images = []
        for start in range(0, len(z), BLOCK):
            index = torch.arange(start, start + BLOCK).clamp_max(len(z) - 1)
            block = self(z[index], None if labels is None else labels[index])
            images.append(block[: len(z) - start])
        return torch.cat(images)


def from_pretrained(path: str | Path) -> PretrainedGenerator:
    """The generator in a run folder, an exported folder, or a .safetensors file that ganforge wrote.

    Nothing in the file is executed: weights are plain tensors, the configuration is JSON and may name only
    `ganforge.networks`. ValueError says what is wrong with a file.
    """
    path = weights_file(Path(path))
    try:
        with safe_open(path, "pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise ValueError(f"{path} is not a readable safetensors file: {error}") from error
    try:
        config, facts = json.loads(metadata["config"]), json.loads(metadata["facts"])
        network, latent = dict(config["model"]["generator"]), dict(config["model"]["latent"])
        del latent["_target_"]
        generator = PretrainedGenerator(
            _network(network.pop("_target_"), network, tensors), Latent(**latent), config, facts
        )
    except (KeyError, TypeError, AttributeError, RecursionError, json.JSONDecodeError) as error:
        raise ValueError(f"{path} carries no generator's configuration that ganforge can read ({error!r})") from error
    except (RuntimeError, OverflowError) as error:
        raise ValueError(
            f"the weights in {path} do not fit their configuration: {str(error).splitlines()[0]}"
        ) from error
    return generator


def weights_file(path: Path) -> Path:
    """The file itself, or the one in a folder; ValueError where there is none."""
    candidates = [path / name for name in WEIGHTS] if path.is_dir() else [path]
    for candidate in candidates:
        if candidate.is_file():
            return candidate
    raise ValueError(f"{path}: no such file or folder with {' or '.join(WEIGHTS)}")


def _network(target: str, arguments: dict[str, Any], tensors: dict[str, Tensor]) -> nn.Module:
    """The network `target` around `tensors`, without allocating anything that the file does not hold."""
    module, _, name = target.rpartition(".")
    package, _, file = module.rpartition(".")
    if package != "ganforge.networks" or not file.isidentifier():
        raise ValueError(f"{target!r} is not allowed: only ganforge.networks may be named")
    try:
        cls = getattr(import_module(module), name)
    except (ImportError, AttributeError):
        cls = None
    if not (inspect.isclass(cls) and issubclass(cls, nn.Module) and cls.__module__ == module):
        raise ValueError(f"{target!r} is not a network of ganforge")
    with torch.device("meta"):
        network = cls(**arguments)
    network.load_state_dict(tensors, assign=True)
    return network
