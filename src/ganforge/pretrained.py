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

from ganforge.interfaces import Inputs
from ganforge.randomness import derived_generator
from ganforge.sampling.latent import Latent
from ganforge.sampling.sampler import Sampler

WEIGHTS = ("generator.safetensors", "model.safetensors")
"""What the weights are called in a run folder and in an exported one."""
BLOCK = 32
METADATA_LIMIT = 10_000_000
ARGUMENTS_LIMIT = 4096
"""Characters that may describe a network; a real one needs a few hundred, and every layer that is named costs time."""


class PretrainedGenerator(Sampler):
    """A finished generator with the latents it was trained on.

    `config` is the configuration that it was trained with, `facts` what is known of it (`images_seen`, `scores`).
    """

    latent: Latent

    def __init__(self, network: nn.Module, latent: Latent, config: dict[str, Any], facts: dict[str, Any]) -> None:
        super().__init__(network.requires_grad_(False).to(memory_format=torch.channels_last), latent)
        self.config, self.facts = config, facts
        self.eval()

    @property
    def image_shape(self) -> tuple[int, ...]:
        """(C, H, W) of what it draws."""
        return _image_shape(self.network, self.latent.dim)

    def forward(self, z: Tensor, label: Tensor | None = None) -> Tensor:
        """latents (B, latent_dim), labels (B,) where there are classes -> images (B, C, H, W) in [-1, 1]."""
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
        """Images (count, C, H, W) in [-1, 1]; image number i of a seed is the same whatever else is asked for.

        So it is computed at one place of one block of images. Where there are classes and no `labels`, it is of class
        i modulo their number.
        """
        before = first % BLOCK
        z = self.latents(before + count, seed, truncation, first - before)
        if labels is None:
            labels = self.classes(before + count, first - before)
        else:
            labels = torch.cat([labels[:1].expand(before), labels])
        return self.images_from(z, labels)[before:]

    def images_from(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        """Images for latents (B, latent_dim), always computed BLOCK at a time, so that rounding never depends on B.

        It may depend on the place in the block, as some processors round the rows of a matrix product differently.
        """
        labels = self.classes(len(z)) if labels is None else labels
        images = []
        for start in range(0, len(z), BLOCK):
            index = torch.arange(start, start + BLOCK).clamp_max(len(z) - 1)
            block = self.images(Inputs(z[index], None if labels is None else labels[index]))
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
            # Copies: rounding may depend on where a tensor begins in memory, which in a file is anywhere.
            tensors = {name: file.get_tensor(name).clone() for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise ValueError(f"{path} is not a readable safetensors file: {error}") from error
    try:
        if sum(map(len, metadata.values())) > METADATA_LIMIT:
            raise ValueError(f"it has more than {METADATA_LIMIT:,} characters of metadata")
        config, facts = json.loads(metadata["config"]), json.loads(metadata["facts"])
        prior = dict(config["model"]["latent"])
        del prior["_target_"]
        latent = Latent(**prior)
        network = _network(dict(config["model"]["generator"]), latent.dim, tensors)
    except (LookupError, TypeError, AttributeError, RecursionError, json.JSONDecodeError) as error:
        reason = f"{type(error).__name__}: {error}".splitlines()[0]
        raise ValueError(f"{path} carries no generator's configuration that ganforge can read ({reason})") from error
    except (RuntimeError, OverflowError) as error:
        reason = str(error).splitlines()[-1].strip()
        raise ValueError(f"the weights in {path} do not fit their configuration: {reason}") from error
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    return PretrainedGenerator(network, latent, config, facts)


def weights_file(path: Path) -> Path:
    """The file itself, or the one in a folder; ValueError where there is none."""
    candidates = [path / name for name in WEIGHTS] if path.is_dir() else [path]
    for candidate in candidates:
        if candidate.is_file():
            return candidate
    raise ValueError(f"{path}: no such file or folder with {' or '.join(WEIGHTS)}")


def _network(arguments: dict[str, Any], latent_dim: int, tensors: dict[str, Tensor]) -> nn.Module:
    """The network that `arguments` describe around `tensors`, allocating nothing that the file does not hold."""
    if len(json.dumps(arguments)) > ARGUMENTS_LIMIT:
        raise ValueError(f"more than {ARGUMENTS_LIMIT:,} characters describe the network")
    network_class = _network_class(arguments.pop("_target_"))
    with torch.device("meta"):
        network = network_class(**arguments).eval()
    if len(_image_shape(network, latent_dim)) != 3:
        raise ValueError(f"{network_class.__module__}.{network_class.__name__} draws no images")
    network.load_state_dict(tensors, assign=True)
    return network.float()


def _network_class(target: str) -> type[nn.Module]:
    """The class that `target` names, imported only from the networks of ganforge."""
    module, _, name = target.rpartition(".")
    package, _, file = module.rpartition(".")
    if package != "ganforge.networks" or not file.isidentifier():
        raise ValueError(f"{target!r} is not allowed: only ganforge.networks may be named")
    try:
        network_class = getattr(import_module(module), name)
    except (ImportError, AttributeError):
        network_class = None
    if not (
        inspect.isclass(network_class) and issubclass(network_class, nn.Module) and network_class.__module__ == module
    ):
        raise ValueError(f"{target!r} is not a network of ganforge")
    return network_class


@torch.no_grad()
def _image_shape(network: nn.Module, latent_dim: int) -> tuple[int, ...]:
    device = next(network.parameters()).device
    label = None if getattr(network, "num_classes", None) is None else torch.zeros(1, dtype=torch.long, device=device)
    return tuple(network(torch.zeros(1, latent_dim, device=device), label).shape[1:])
