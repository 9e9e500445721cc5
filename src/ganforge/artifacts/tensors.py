"""Named tensors on disk as safetensors: caches, and generators that carry their configuration."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor, nn

from ganforge.artifacts.files import replacing


class Cache:
    """A folder of tensors that were expensive to compute; unreadable entries are computed again."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(self, key: str, compute: Callable[[], dict[str, Tensor]]) -> dict[str, Tensor]:
        path = self.folder / f"{key}.safetensors"
        try:
            return load_file(path)
        except (FileNotFoundError, SafetensorError):
            tensors = compute()
            save_tensors(path, tensors)
            return tensors


def save_tensors(path: Path, tensors: dict[str, Tensor], metadata: dict[str, str] | None = None) -> None:
    plain = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    with replacing(path) as file:
        file.write(save(plain, metadata))


def save_generator(path: Path, generator: nn.Module, config: dict[str, Any], facts: dict[str, Any]) -> None:
    """The weights, with what rebuilds the generator (`config`) and what is known of it (`facts`) as JSON metadata."""
    metadata = {"format": "pt", "config": json.dumps(config), "facts": json.dumps(facts)}
    save_tensors(path, dict(generator.state_dict()), metadata)
