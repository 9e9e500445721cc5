"""Overrides that name nothing are explained before Hydra sees them, with the nearest thing that exists."""

import itertools
import os
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf

from ganforge.suggestions import suggestion

OPEN_MAPPINGS = ("callbacks", "logger", "loss.penalties", "metrics.scores")
"""Where + may add what has no place in the configuration yet."""


def conf_folder() -> Path:
    return Path(os.environ["PROJECT_ROOT"]) / "conf"


def groups() -> dict[str, list[str]]:
    """Every group below conf/ with its options."""
    conf = conf_folder()
    return {
        str(folder.relative_to(conf)): sorted(p.stem for p in folder.glob("*.yaml") if not p.stem.startswith("_"))
        for folder in conf.rglob("*")
        if folder.is_dir()
    }


def refuse_bad_overrides(overrides: list[str], multirun: bool, config_name: str) -> None:
    """ValueError for an override that names nothing, with the nearest thing that exists."""
    options = groups()
    parsed = [parse(override) for override in overrides]
    for override in parsed:
        if override.is_sweep_override() and not multirun:
            raise ValueError(f"{override.input_line} names several values: add -m to run them all")
        if override.key_or_group in options:
            refuse_unknown_options(override, options[override.key_or_group])
    with initialize_config_dir(str(conf_folder()), version_base="1.3"):
        composed = lru_cache(1)(lambda *words: compose(config_name, list(words)))
        for chosen in cells([override for override in parsed if override.key_or_group in options]):
            known = keys(composed(*chosen))
            for override in parsed:
                if override.key_or_group not in options and not override.key_or_group.startswith(("hydra.", "hydra/")):
                    refuse_unknown_key(override, known, list(options))
        for cell in cells(parsed):
            refuse_no_outputs(composed(*cell))


def refuse_no_outputs(config: DictConfig) -> None:
    """Hydra would write below a folder that is called `None`, or below the root of all folders."""
    outputs = OmegaConf.select(config, "paths.outputs")
    if not isinstance(outputs, str) or not outputs.strip():
        raise ValueError(f"paths.outputs={outputs} should be a folder")


def parse(override: str) -> Override:
    try:
        return OverridesParser.create().parse_override(override)
    except HydraException as error:
        raise ValueError(f"cannot read {override!r}: {str(error).splitlines()[0]}") from error


def quoted(path: Path) -> str:
    """A path as a value in Hydra's grammar."""
    return "'" + str(path).replace("'", "\\'") + "'"


def refuse_unknown_options(override: Override, options: list[str]) -> None:
    values = list(override.sweep_string_iterator()) if override.is_sweep_override() else [override.value()]
    for value in values:
        for option in value if isinstance(value, list) else [value]:
            if option not in (None, "null", *options):
                group = override.key_or_group
                meant = suggestion(str(option), options)
                raise ValueError(f"{group}={option} does not exist{meant} (there are: {', '.join(options)})")


def refuse_unknown_key(override: Override, known: list[str], groups: list[str]) -> None:
    key = override.key_or_group
    if key in known:
        return
    parent = key.rpartition(".")[0]
    if override.is_add() and (parent in OPEN_MAPPINGS or f"{parent}._target_" in known):
        return
    raise ValueError(f"{key} is not a key of this configuration{suggestion(key, [*known, *groups])}")


def cells(overrides: list[Override]) -> Iterator[list[str]]:
    """Every combination of values that the overrides sweep over."""
    for cell in itertools.product(*(choices(override) for override in overrides)):
        yield list(cell)


def choices(override: Override) -> list[str]:
    """The override once for each value that it sweeps over."""
    if not override.is_sweep_override():
        return [str(override.input_line)]
    return [f"{override.get_key_element()}={value}" for value in override.sweep_string_iterator()]


def keys(node: Any, path: str = "") -> list[str]:
    """The dotted path of every node below a mapping."""
    found = []
    for key in node if OmegaConf.is_dict(node) else []:
        here = f"{path}.{key}" if path else str(key)
        found.append(here)
        if not OmegaConf.is_interpolation(node, key) and not OmegaConf.is_missing(node, key):
            found += keys(node[key], here)
    return found
