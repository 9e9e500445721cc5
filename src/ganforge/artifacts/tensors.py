"""Named tensors on disk as safetensors: caches, and generators that carry their configuration."""

import json
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor, nn

from ganforge.artifacts.files import replacing

FACTS = ("_target_", "image_size", "channels", "num_classes", "source_channels", "normal")
"""What the file of a network says of the data."""


class Cache:
    """A folder of tensors that were expensive to compute; unreadable entries are computed again."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(self, key: str, compute: Callable[[], dict[str, Tensor]]) -> dict[str, Tensor]:
        path = self.folder / f"{key}.safetensors"
        try:
            return load_file(path)
        except (FileNotFoundError, SafetensorError):
            refuse_unwritable(self.folder)
            tensors = compute()
            save_tensors(path, tensors)
            return tensors


def refuse_unwritable(folder: Path) -> None:
    """OSError that names the folder; only a file that was made there tells, on every system."""
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(folder)) from error


def save_tensors(path: Path, tensors: dict[str, Tensor], metadata: dict[str, str] | None = None) -> None:
    plain = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    with replacing(path) as file:
        file.write(save(plain, metadata))


def portable(config: dict[str, Any], network: str = "generator") -> dict[str, Any]:
    """That part of a run's configuration which goes with the weights: how they came about, and no place on a disk.

    What makes images is called `generator` there, also where it is a decoder, or works in the other direction; a
    discriminator that classifies is the `classifier`. Of a translation it says the direction, and the view that the
    sources are, if they are one, or the names of the domains. With a `detector` go all networks that it may have.
    """
    model = config["model"]
    data = {fact: config["data"][fact] for fact in FACTS if fact in config["data"]}
    trained = {part: config[part] for part in ("optimizer", "seed", "images")}
    trained |= {part: without_files(config[part]) for part in ("loss", "content") if config.get(part)}
    if network == "detector":
        detector = config["detector"] if "detector" in config else config["system"]["detector"]
        return {"detector": detector, "model": dict(model), "data": data, **trained}
    part = drawing_part(model) if network == "generator" else network
    if network == "classifier" and "discriminator" in model:
        part = "discriminator"
    name = network if network in ("encoder", "classifier") else "generator"
    translation = {}
    if model.get("latent") is None:
        backward = network == "backward_generator" or config.get("direction") == "b_to_a"
        translation = {"direction": "b_to_a" if backward else "a_to_b", "view": config.get("view")}
        translation |= {"domains": config["domains"]} if "domains" in config else {}
    return {
        "model": {name: model[part], "latent": model.get("latent")},
        "data": data,
        **translation,
        **trained,
    }


def without_files(node: Any) -> Any:
    """A part of a configuration without the places of files of weights."""
    if not isinstance(node, Mapping):
        return node
    return {key: without_files(value) for key, value in node.items() if key != "weights"}


def drawing_part(model: Mapping[Any, Any]) -> str:
    """The part of `model=` that draws: a generator, or the decoder of an autoencoder."""
    return "decoder" if "decoder" in model else "generator"


def save_generator(path: Path, generator: nn.Module, config: dict[str, Any], facts: dict[str, Any]) -> None:
    """The weights, with what rebuilds the generator (`config`) and what is known of it (`facts`) as JSON metadata."""
    metadata = {"format": "pt", "config": json.dumps(config), "facts": json.dumps(facts)}
    save_tensors(path, dict(generator.state_dict()), metadata)
