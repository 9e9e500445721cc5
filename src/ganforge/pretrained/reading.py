"""From a file of weights to a finished network; what a file claims is not trusted."""

import inspect
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any, get_args

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn
from torch.nn.modules.module import register_module_parameter_registration_hook

from ganforge.detection.detectors import STORED
from ganforge.pretrained.files import Direction, weights_file
from ganforge.pretrained.finished import (
    Pretrained,
    PretrainedClassifier,
    PretrainedDetector,
    PretrainedEncoder,
    PretrainedGenerator,
)
from ganforge.pretrained.shapes import (
    answered_classes,
    compared_shape,
    drawn_shape,
    features_shape,
    moments,
    size_of,
    translated_shape,
)
from ganforge.pretrained.translator import PretrainedTranslator
from ganforge.sampling.latent import Latent

METADATA_LIMIT = 10_000_000
ARGUMENTS_LIMIT = 4096
"""Characters that may describe a network; a real one needs a few hundred, and every layer that is named costs time."""
NAME_LIMIT = 255
"""Characters of the name of a domain, which may become that of a folder."""
SPARE_PARAMETERS = 100
"""That a network may give up again while it is built."""


def from_pretrained(path: str | Path, direction: Direction | None = None) -> Any:
    """The network in a run folder, an exported folder, or a .safetensors file that ganforge wrote.

    A `PretrainedGenerator`; a `PretrainedTranslator` where it starts from images, of a run that has both directions in
    the one asked for; a `PretrainedEncoder`; a `PretrainedClassifier`; or a `PretrainedDetector`, by its file or of a
    run that draws nothing. Nothing in the file is executed: weights are plain tensors, the configuration is JSON and
    may name only `ganforge.networks`, `ganforge.detection` and heads of `ganforge.layers.heads`. ValueError says what
    is wrong with a file.
    """
    path = weights_file(Path(path), direction)
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
        pretrained = _pretrained(config, facts, tensors)
    except (LookupError, TypeError, AttributeError, RecursionError, json.JSONDecodeError) as error:
        reason = f"{type(error).__name__}: {error}".splitlines()[0]
        raise ValueError(f"{path} carries no generator's configuration that ganforge can read ({reason})") from error
    except (RuntimeError, OverflowError) as error:
        reason = str(error).splitlines()[-1].strip()
        raise ValueError(f"the weights in {path} do not fit their configuration: {reason}") from error
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    refuse_other_direction(pretrained, direction, path)
    return pretrained


def refuse_other_direction(pretrained: Pretrained, direction: Direction | None, path: Path) -> None:
    if direction is None:
        return
    if not isinstance(pretrained, PretrainedTranslator):
        raise ValueError(f"{path} translates nothing: leave out direction={direction}")
    if pretrained.direction != direction:
        raise ValueError(f"{path} has the direction {pretrained.direction}: choose another file, or that direction")


def _pretrained(config: dict[str, Any], facts: dict[str, Any], tensors: dict[str, Tensor]) -> Pretrained:
    """What the configuration describes around `tensors`."""
    model = config["model"]
    if "detector" in config:
        return _detector(config, facts, tensors)
    if "encoder" in model:
        arguments = dict(model["encoder"])
        shape = (arguments["channels"], *[size_of(arguments["image_size"])] * 2)
        network, (mean, _) = _network(arguments, tensors, lambda network: moments(network, shape), "encodes no images")
        return PretrainedEncoder(network, shape, mean[0], config, facts)
    if "classifier" in model:
        arguments = dict(model["classifier"])
        shape = (arguments["channels"], *[size_of(arguments["image_size"])] * 2)
        network, (classes,) = _network(
            arguments, tensors, lambda network: answered_classes(network, shape), "classifies no images"
        )
        return PretrainedClassifier(network, shape, classes, config, facts)
    if model.get("latent") is None:
        size = size_of(config["data"]["image_size"])
        network, shape = _network(
            dict(model["generator"]), tensors, lambda network: translated_shape(network, size), "translates no images"
        )
        if config.get("direction", "a_to_b") not in get_args(Direction):
            raise ValueError(f"direction={config['direction']!r:.40} should be a_to_b or b_to_a")
        return PretrainedTranslator(network, shape, config, facts, _domains(config, network))
    prior = dict(model["latent"])
    del prior["_target_"]
    latent = Latent(**prior)
    network, _ = _network(
        dict(model["generator"]), tensors, lambda network: drawn_shape(network, latent.dim), "draws no images"
    )
    return PretrainedGenerator(network, latent, config, facts)


def _domains(config: dict[str, Any], network: nn.Module) -> tuple[str, ...]:
    """The names of a network's domains, or else their numbers; none of a network without."""
    count = getattr(network, "num_classes", None) or 0
    names = config.get("domains", [str(number) for number in range(count)])
    good = isinstance(names, list) and all(
        isinstance(name, str) and 0 < len(name) <= NAME_LIMIT and name.isprintable() for name in names
    )
    if not good or len(set(names)) != count or len(names) != count:
        raise ValueError(f"it should have different names for its {count} domains, of {NAME_LIMIT} characters at most")
    return tuple(names)


def _network(
    arguments: dict[str, Any],
    tensors: dict[str, Tensor],
    shape: Callable[[nn.Module], tuple[Any, ...] | None],
    otherwise: str,
) -> tuple[nn.Module, tuple[Any, ...]]:
    """The network that `arguments` describe around `tensors`, and what `shape` says of what it makes.

    Nothing is allocated that the file does not hold. Where `shape` returns None, ValueError says `otherwise`.
    """
    network_class = _described_class(arguments)
    otherwise = f"{network_class.__module__}.{network_class.__name__} {otherwise}"
    return _filled(lambda: network_class(**arguments), tensors, shape, otherwise)


def _described_class(arguments: dict[str, Any]) -> type[nn.Module]:
    """The network that `arguments` name; their `_target_` is taken out."""
    if len(json.dumps(arguments)) > ARGUMENTS_LIMIT:
        raise ValueError(f"more than {ARGUMENTS_LIMIT:,} characters describe the network")
    if isinstance(arguments.get("head"), dict):
        arguments["head"] = _head(dict(arguments["head"]))
    return _network_class(arguments.pop("_target_"))


def _filled(
    build: Callable[[], nn.Module],
    tensors: dict[str, Tensor],
    shape: Callable[[Any], tuple[Any, ...] | None],
    otherwise: str,
) -> tuple[Any, tuple[Any, ...]]:
    """What `build` makes around `tensors`; the rest as of `_network`."""
    with torch.device("meta"), _no_more_parameters_than(len(tensors)):
        network = build().eval()
    made = shape(network)
    if made is None:
        raise ValueError(otherwise)
    network.load_state_dict(tensors, assign=True)
    return network.float(), made


def _detector(config: dict[str, Any], facts: dict[str, Any], tensors: dict[str, Tensor]) -> PretrainedDetector:
    """Of the networks that its kind needs, and settings that are plain numbers and words."""
    settings = {key: value for key, value in config["detector"].items() if key != "_partial_"}
    target = settings.pop("_target_")
    if target not in STORED:
        raise ValueError(f"{target!r:.80} is no detector of ganforge")
    kind: Any = STORED[target]
    data = config["data"]
    shape = (data["channels"], *[size_of(data["image_size"])] * 2)
    described = {part: dict(config["model"][part]) for part in kind.parts}
    classes = {part: _described_class(arguments) for part, arguments in described.items()}

    def build() -> nn.Module:
        return kind(**{part: classes[part](**described[part]) for part in kind.parts}, **settings)

    network, _ = _filled(build, tensors, lambda network: compared_shape(network, shape), f"{target} compares no images")
    return PretrainedDetector(network, shape, config, facts)


def discriminator_of(arguments: dict[str, Any], tensors: dict[str, Tensor], shape: tuple[int, ...]) -> nn.Module:
    """The discriminator of images that `arguments` describe around `tensors`; ValueError where they make none."""
    judged = partial(features_shape, shape=shape)
    network, _ = _network(dict(arguments), tensors, judged, "judges no images")
    return network.requires_grad_(False).eval()


@contextmanager
def _no_more_parameters_than(count: int) -> Iterator[None]:
    """RuntimeError in a network that goes on and on: a number in its arguments may be any."""
    left = count + SPARE_PARAMETERS

    def counted(module: nn.Module, name: str, parameter: nn.Parameter) -> None:
        nonlocal left
        left -= 1
        if left < 0:
            raise RuntimeError(f"they are {count:,} tensors, and the network has more")

    handle = register_module_parameter_registration_hook(counted)
    try:
        yield
    finally:
        handle.remove()


def _head(node: dict[str, Any]) -> Callable[..., nn.Module]:
    """What `layers/heads.py` has under this name, to be called with what a network knows of its features."""
    target = node.pop("_target_")
    node.pop("_partial_", None)
    if not str(target).startswith("ganforge.layers.heads."):
        raise ValueError(f"{target!r} is not allowed: only ganforge.layers.heads has heads")
    return partial(_class_of(target), **node)


def _network_class(target: str) -> type[nn.Module]:
    """The class that `target` names, imported only from the networks of ganforge."""
    package, _, file = target.rpartition(".")[0].rpartition(".")
    if package != "ganforge.networks" or not file.isidentifier():
        raise ValueError(f"{target!r} is not allowed: only ganforge.networks may be named")
    return _class_of(target)


def _class_of(target: str) -> type[nn.Module]:
    """A module that was defined where its name says."""
    module, _, name = target.rpartition(".")
    try:
        network_class = getattr(import_module(module), name)
    except (ImportError, AttributeError):
        network_class = None
    if not (
        inspect.isclass(network_class) and issubclass(network_class, nn.Module) and network_class.__module__ == module
    ):
        raise ValueError(f"{target!r} is not a network of ganforge")
    return network_class
