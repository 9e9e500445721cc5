"""From a composed configuration to objects; refuses, in the user's words, what makes no sense."""

import inspect
import re
import types
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import lightning
import torch
from hydra.errors import InstantiationException
from hydra.utils import get_object, instantiate
from omegaconf import DictConfig, OmegaConf
from torch.nn.modules.batchnorm import _BatchNorm

from ganforge.artifacts.checkpoints import AtomicCheckpointIO
from ganforge.data.module import InMemoryData
from ganforge.suggestions import suggestion
from ganforge.systems.adversarial import AdversarialModule

TRUSTED = (
    "ganforge.",
    "lightning.Trainer",
    "lightning.pytorch.callbacks.",
    "lightning.pytorch.loggers.",
    "lightning.pytorch.strategies.",
    "torch.nn.",
    "torch.optim.",
    "torchmetrics.",
)
"""What `_target_` may name."""


@dataclass
class Experiment:
    """Everything that a run needs; `config` is resolved and says what was built."""

    config: DictConfig
    data: InMemoryData
    system: AdversarialModule
    trainer: lightning.Trainer

    def fit(self) -> None:
        self.trainer.fit(self.system, datamodule=self.data)


def build(config: DictConfig) -> Experiment:
    """Build an experiment from configuration that may come from anywhere; ValueError says what to change."""
    config = config.copy()
    OmegaConf.set_struct(config, False)
    if config.metrics.extractor is None:
        config.callbacks.pop("evaluation", None)
    refuse_untrusted_targets(config)
    refuse_foreign_metrics(config)
    refuse_wrong_arguments(config.data, "data")
    data = create(config.data, "data")
    described = None not in (data.image_size, data.channels)
    if not described:
        load(data, config)
    refuse_wrong_arguments(config)
    refuse_missing_hardware(config.trainer)
    torch.manual_seed(config.seed)
    system = create(config.system, "system").to(memory_format=torch.channels_last)
    system.configure_optimizers()
    refuse_impossible_games(system, config.trainer.precision)
    if described:
        load(data, config)
    trainer = build_trainer(config)
    refuse_missing_labels(config, data)
    refuse_uneven_ranks(data, trainer, system)
    OmegaConf.resolve(config)
    system.hparams.update(OmegaConf.to_container(config))
    return Experiment(config, data, system, trainer)


def create(node: DictConfig, where: str) -> Any:
    """Instantiate, with the constructor's own complaint as the message."""
    try:
        return instantiate(node, _convert_="all")
    except InstantiationException as error:
        cause = error.__cause__ or error
        if isinstance(cause, ValueError):
            raise ValueError(str(cause)) from error
        raise ValueError(f"{where} cannot be built: {cause}") from error


def load(data: InMemoryData, config: DictConfig) -> None:
    """Read the data; it describes itself once, in the configuration that networks read."""
    data.load_splits()
    for fact in ("image_size", "channels", "num_classes"):
        config.data[fact] = getattr(data, fact)


def build_trainer(config: DictConfig) -> lightning.Trainer:
    """Lightning's Trainer with our callbacks in place of its own; each player clips and accumulates for itself."""
    hardware = OmegaConf.masked_copy(
        config.trainer,
        [key for key in config.trainer if key not in ("gradient_clip_val", "accumulate_grad_batches")],
    )
    hardware._set_parent(config)
    try:
        return instantiate(
            hardware,
            callbacks=[create(node, f"callbacks.{name}") for name, node in config.callbacks.items()],
            logger=[create(node, f"logger.{name}") for name, node in config.get("logger", {}).items()],
            plugins=[AtomicCheckpointIO()],
            default_root_dir=config.paths.run,
            max_steps=-1,
            limit_val_batches=0,
            num_sanity_val_steps=0,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            use_distributed_sampler=False,
            _convert_="all",
        )
    except InstantiationException as error:
        raise ValueError(f"trainer: {error.__cause__ or error}") from error


def refuse_missing_hardware(trainer: DictConfig) -> None:
    if trainer.accelerator == "cuda" and not torch.cuda.is_available():
        raise ValueError("this trainer needs a CUDA GPU, and PyTorch finds none here. Use trainer=cpu")
    if trainer.accelerator == "mps" and not torch.backends.mps.is_available():
        raise ValueError("trainer=mps needs an Apple GPU, and PyTorch finds none here. Use trainer=cpu")
    if trainer.accelerator == "cpu" and trainer.precision == "16-mixed":
        raise ValueError("trainer.precision=16-mixed needs a GPU. On the CPU use bf16-mixed or 32-true")


def refuse_impossible_games(system: AdversarialModule, precision: str) -> None:
    per_sample = [name for name, penalty in system.game.penalties.items() if penalty.per_sample]
    if not per_sample:
        return
    if any(isinstance(layer, _BatchNorm) for layer in system.discriminator.modules()):
        raise ValueError(
            f"the penalty {per_sample[0]} looks at each image's own gradient, which batch norm in the discriminator "
            "mixes up. Use normalization.discriminator=layer (or instance, or none)"
        )
    if precision in ("16-true", "bf16-true"):
        raise ValueError(
            f"the penalty {per_sample[0]} needs float32 weights: use trainer.precision=bf16-mixed or 32-true"
        )


def refuse_foreign_metrics(config: DictConfig) -> None:
    """Scores of points are for points, and scores of images for images."""
    if config.metrics.extractor is None:
        return
    judges_points = config.metrics.extractor._target_.endswith("PointsExtractor")
    if judges_points != config.data._target_.endswith("Mixture2d"):
        kind = "points" if judges_points else "images"
        raise ValueError(f"these metrics judge {kind}, and the data has none: leave metrics= out, or use metrics=none")


def refuse_missing_labels(config: DictConfig, data: InMemoryData) -> None:
    extractor = config.metrics.extractor
    if extractor is not None and get_object(extractor._target_).needs_labels and data.num_classes is None:
        raise ValueError(
            f"metrics=classifier needs class labels, and {data.name} has none. Use metrics=inception or metrics=none"
        )


def refuse_uneven_ranks(data: InMemoryData, trainer: lightning.Trainer, system: AdversarialModule) -> None:
    if data.batch_size % trainer.world_size:
        raise ValueError(
            f"data.batch_size={data.batch_size} is shared among all processes: it must be a multiple of their number, "
            f"{trainer.world_size}"
        )


def refuse_untrusted_targets(config: DictConfig) -> None:
    """Nothing is imported, let alone called, before every `_target_` in the tree has passed."""
    for path, node in targets(config):
        name = node["_target_"]
        if not isinstance(name, str) or not name.startswith(TRUSTED):
            raise ValueError(f"{path}._target_={name!r} is not allowed: only {', '.join(TRUSTED)} may be named")


def refuse_wrong_arguments(config: DictConfig, root: str = "") -> None:
    """Check every `_target_` in the tree: that its arguments exist and have the right type."""
    for path, node in targets(config, root):
        name = node["_target_"]
        accepted = parameters(get_object(name))
        for key in map(str, node):
            if key.startswith("_") and key.endswith("_"):
                continue
            where = origin(node, key) or f"{path}.{key}"
            if OmegaConf.is_missing(node, key):
                raise ValueError(f"{where}= is missing: {name.rpartition('.')[2]} needs it")
            if key not in accepted:
                raise ValueError(f"{path} has no argument {key!r}{suggestion(key, list(accepted))}")
            if not fits(node[key], accepted[key]):
                raise ValueError(f"{where}={node[key]} should be {spelled(accepted[key])}")


def targets(node: Any, path: str = "") -> Iterator[tuple[str, DictConfig]]:
    """Every mapping with a `_target_`, where it is written (not where it is interpolated to)."""
    if OmegaConf.is_dict(node):
        if "_target_" in node:
            yield path, node
        keys: list[Any] = list(node)
    elif OmegaConf.is_list(node):
        keys = list(range(len(node)))
    else:
        return
    for key in keys:
        if not OmegaConf.is_interpolation(node, key) and not OmegaConf.is_missing(node, key):
            yield from targets(node[key], f"{path}.{key}" if path else str(key))


def origin(node: DictConfig, key: str) -> str | None:
    """Where the value of an interpolation is written: `seed` for `${seed}`."""
    if not OmegaConf.is_interpolation(node, key):
        return None
    match = re.fullmatch(r"\$\{([\w.]+)\}", str(OmegaConf.to_container(node, resolve=False)[key]))  # type: ignore[index, call-overload]
    return match[1] if match else None


def parameters(target: Any) -> dict[str, Any]:
    """Every keyword that `target` takes, with its type hint; **keywords are those of the base class."""
    if not inspect.isclass(target):
        return _own_parameters(target)[0]
    accepted: dict[str, Any] = {}
    for base in target.__mro__:
        if "__init__" in vars(base):
            own, passes_on = _own_parameters(vars(base)["__init__"])
            accepted = own | accepted
            if not passes_on:
                break
    return accepted


def _own_parameters(function: Any) -> tuple[dict[str, Any], bool]:
    signature = inspect.signature(function)
    try:
        hints = get_type_hints(inspect.unwrap(function))
    except NameError:
        hints = {}
    kinds = {p.kind for p in signature.parameters.values()}
    named = [
        p.name
        for p in signature.parameters.values()
        if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL) and p.name != "self"
    ]
    return {name: hints.get(name, Any) for name in named}, inspect.Parameter.VAR_KEYWORD in kinds


def fits(value: Any, hint: Any) -> bool:
    """Whether a value from the configuration can be meant for `hint`; what is not plain data is left to the code."""
    if OmegaConf.is_config(value):
        if get_origin(hint) is list and OmegaConf.is_list(value):
            return all(fits(item, get_args(hint)[0]) for item in value)
        return hint not in (int, float, bool, str)
    if get_origin(hint) is Literal:
        return value in get_args(hint)
    if get_origin(hint) in (Union, types.UnionType):
        return any(fits(value, option) for option in get_args(hint))
    if hint is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    if hint is int:
        return isinstance(value, int) and not isinstance(value, bool)
    if hint in (bool, str, type(None)):
        return isinstance(value, hint)
    return get_origin(hint) is not list


def spelled(hint: Any) -> str:
    if get_origin(hint) is Literal:
        return "one of " + ", ".join(map(str, get_args(hint)))
    if get_origin(hint) in (Union, types.UnionType):
        return " or ".join(spelled(option) for option in get_args(hint))
    names = {
        int: "a whole number",
        float: "a number",
        bool: "true or false",
        str: "a text",
        type(None): "null",
    }
    return names.get(hint, str(hint))
