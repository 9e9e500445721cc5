"""Compositions that are remembered: files are merged once for each choice of groups, and values are set in a copy.

Hydra too sets values when all files are merged, so that the configuration is the same, in 5 ms instead of 130.
"""

import pickle
from functools import cache
from pathlib import Path

from hydra import compose, initialize_config_dir
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from omegaconf import DictConfig, OmegaConf

CONF = Path(__file__).resolve().parents[1] / "conf"


def composition(name: str, *overrides: str) -> DictConfig:
    """What `composed_anew` returns, and its errors."""
    values = [override for override in map(parsed, overrides) if sets_a_value(override)]
    lines = {override.input_line for override in values}
    config = pickle.loads(remembered(name, *(line for line in overrides if line not in lines)))
    OmegaConf.clear_cache(config)
    ConfigLoaderImpl._apply_overrides_to_config(values, config)
    return config


def composed_anew(name: str, *overrides: str) -> DictConfig:
    with initialize_config_dir(str(CONF), version_base="1.3"):
        return compose(name, list(overrides))


@cache
def remembered(name: str, *overrides: str) -> bytes:
    return pickle.dumps(composed_anew(name, *overrides))


@cache
def parsed(line: str) -> Override:
    return OverridesParser.create().parse_overrides([line])[0]


def sets_a_value(override: Override) -> bool:
    """Whether it chooses no file, and is nothing that Hydra refuses before it merges any."""
    key = override.key_or_group
    chooses = "/" in key or key.startswith("hydra") or (CONF / key).is_dir() or override.package is not None
    return not (chooses or override.is_delete() or override.is_sweep_override())
