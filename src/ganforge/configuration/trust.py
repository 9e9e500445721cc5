"""What `_target_` may name in a configuration that may come from anywhere."""

import inspect
from collections.abc import Iterator
from importlib import import_module
from typing import Any

from omegaconf import DictConfig, OmegaConf

TRUSTED = {
    "ganforge.artifacts.curves.": "ganforge.artifacts.curves.",
    "ganforge.augment.": "ganforge.augment.",
    "ganforge.callbacks.": "ganforge.callbacks.",
    "ganforge.data.": "ganforge.data.",
    "ganforge.detection.": "ganforge.detection.",
    "ganforge.sampling.": "ganforge.sampling.",
    "ganforge.scoring.evaluator.": "ganforge.scoring.evaluator.",
    "ganforge.layers.heads.": "ganforge.layers.heads.",
    "ganforge.losses.": "ganforge.losses.",
    "ganforge.metrics.": "ganforge.metrics.",
    "ganforge.networks.": "ganforge.networks.",
    "ganforge.regularizers.": "ganforge.regularizers.",
    "ganforge.systems.": "ganforge.systems.",
    "lightning.Trainer": "lightning.pytorch.trainer.",
    "lightning.pytorch.callbacks.": "lightning.pytorch.callbacks.",
    "lightning.pytorch.loggers.": "lightning.pytorch.loggers.",
    "lightning.pytorch.strategies.": "lightning.pytorch.strategies.",
    "torch.nn.": "torch.nn.",
    "torch.optim.": "torch.optim.",
    "torchmetrics.": "torchmetrics.",
}
"""What `_target_` may name, and where such a class must have been defined."""


def refuse_untrusted_targets(config: DictConfig) -> None:
    """Nothing outside of the trusted packages is imported, let alone called, before every `_target_` has passed."""
    for path, node in targets(config):
        name = node["_target_"]
        if not isinstance(name, str) or not is_trusted(name):
            names = ", ".join(prefix.removesuffix(".") for prefix in TRUSTED)
            raise ValueError(f"{path}._target_={name!r} is not allowed: only classes of {names} may be named")


def is_trusted(name: str) -> bool:
    """Whether `name` is a class, or a function of ours, that was defined below the package through which it is named.

    What a trusted module has merely imported (`ganforge.data.folder.np.load`) cannot be reached.
    """
    home = next((home for prefix, home in TRUSTED.items() if name.startswith(prefix)), None)
    module, _, attribute = name.rpartition(".")
    if home is None or not all(part.isidentifier() and not part.startswith("__") for part in name.split(".")):
        return False
    try:
        found = getattr(import_module(module), attribute)
    except (ImportError, AttributeError):
        return False
    ours = home.startswith("ganforge") and inspect.isfunction(found)
    return (inspect.isclass(found) or ours) and f"{found.__module__}.".startswith(home)


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
