"""Overrides that name nothing are explained before Hydra sees them, with the nearest thing that exists."""

import itertools
import math
import os
from collections.abc import Container, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir
from hydra.core.override_parser.types import Glob, IntervalSweep, Override, RangeSweep, ValueType
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf

from ganforge.launch.grammar import as_typed, is_path, parse
from ganforge.suggestions import suggestion

OPEN_MAPPINGS = ("callbacks.", "logger.", "loss.penalties.", "metrics.scores.", "schedule.")
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


def typed_overrides(hydra: Any) -> list[str]:
    """Those of the command line as they were typed, with their references."""
    overrides: Any = OmegaConf.to_container(hydra.overrides.task)
    return overrides


def understood(words: list[str]) -> list[str]:
    """The words as Hydra is to read them: paths as they were typed, and for `glob()` the options that it finds."""
    return [with_options(as_typed(word)) for word in words]


def with_options(word: str) -> str:
    """`loss=minimax,hinge` for `loss=glob(*)`, where Hydra would count files that are no options too."""
    override = parse(word)
    chosen = override.value()
    if not isinstance(chosen, Glob):
        return word
    options = groups().get(override.key_or_group, [])
    if not chosen.filter(options):
        known = f"there are: {', '.join(options)}" if options else f"{override.key_or_group} is no group"
        raise ValueError(f"{word} finds no option ({known})")
    return f"{override.get_key_element()}={','.join(chosen.filter(options))}"


def refuse_bad_overrides(overrides: list[str], multirun: bool, config_name: str) -> None:
    """ValueError for an override that names nothing, with the nearest thing that exists.

    Composing takes a fifth of a second, so a sweep is composed once for each choice of groups and of folders for its
    outputs: other values do not decide which keys there are.
    """
    options = groups()
    parsed = [parse(override) for override in overrides]
    for override in parsed:
        refuse_impossible_sweeps(override, multirun)
        if override.key_or_group in options:
            refuse_unknown_options(override, options[override.key_or_group])
    with initialize_config_dir(str(conf_folder()), version_base="1.3"):
        composed = lru_cache(2)(lambda *words: compose(config_name, list(words)))
        for cell in cells(parsed, varied={*options, "paths.outputs"}):
            said = list(zip(cell, parsed, strict=True))
            known = keys(composed(*(word for word, override in said if override.key_or_group in options)))
            for override in parsed:
                if override.key_or_group not in options and not override.key_or_group.startswith(("hydra.", "hydra/")):
                    refuse_unknown_key(override, known, list(options))
            refuse_no_outputs(composed(*cell))


def refuse_impossible_sweeps(override: Override, multirun: bool) -> None:
    """A sweep over nothing, or without an end; several values without -m."""
    if not override.is_sweep_override():
        return
    word = str(override.input_line)
    value: Any = override.value()
    if isinstance(value, IntervalSweep):
        raise ValueError(f"{word} is for src/search.py; the values of a sweep are named one by one, or by range()")
    numbers = (value.start, value.stop, value.step) if isinstance(value, RangeSweep) else ()
    if any(isinstance(number, float) and not math.isfinite(number) for number in numbers):
        raise ValueError(f"{word} has no end")
    try:
        first = next(choices(override), None)
    except (ValueError, HydraException) as error:
        raise ValueError(f"{word}: {error}") from error
    if first is None:
        raise ValueError(f"{word} names no value: a range ends before its second number")
    if not multirun:
        raise ValueError(f"{word} names several values: add -m to run them all{one_value(override)}")


def one_value(override: Override) -> str:
    """How to say that a comma does not separate the values of a sweep."""
    if override.value_type != ValueType.SIMPLE_CHOICE_SWEEP:
        return ""
    key, _, values = str(override.input_line).partition("=")
    if is_path(key):
        return f" (a path with a comma is quoted twice: '{key}=\"...\"')"
    return f" (a list is {key}=[{values}])"


def refuse_no_outputs(config: DictConfig) -> None:
    """Hydra would write below a folder that is called `None`, or below the root of all folders."""
    outputs = OmegaConf.select(config, "paths.outputs")
    if not isinstance(outputs, str) or not outputs.strip():
        raise ValueError(f"paths.outputs={outputs} should be a folder")


def refuse_unknown_options(override: Override, options: list[str]) -> None:
    values = list(override.sweep_string_iterator()) if override.is_sweep_override() else [override.value()]
    for value in [] if override.is_delete() else values:
        for option in value if isinstance(value, list) else [value]:
            if option not in options:
                word = f"{override.key_or_group}={'null' if option is None else option}"
                meant = suggestion(str(option), options)
                raise ValueError(f"{word} does not exist{meant} (there are: {', '.join(options)})")


def refuse_unknown_key(override: Override, known: list[str], groups: list[str]) -> None:
    key = override.key_or_group
    target = f"{key.rpartition('.')[0]}._target_"
    if key in known or (override.is_add() and (key.startswith(OPEN_MAPPINGS) or target in known)):
        return
    addition = f" (an argument without a key is added with +: +{key}=...)" if target in known else ""
    raise ValueError(f"{key} is not a key of this configuration{suggestion(key, [*known, *groups])}{addition}")


def cells(overrides: list[Override], varied: Container[str] | None = None) -> Iterator[list[str]]:
    """Every combination of values that the overrides sweep over; of keys that are not `varied` the first value."""
    several = [
        itertools.islice(choices(override), None if varied is None or override.key_or_group in varied else 1)
        for override in overrides
    ]
    yield from map(list, itertools.product(*several))


def choices(override: Override) -> Iterator[str]:
    """The override once for each value that it sweeps over."""
    if not override.is_sweep_override():
        return iter([str(override.input_line)])
    return (f"{override.get_key_element()}={value}" for value in override.sweep_string_iterator())


def keys(node: Any, path: str = "") -> list[str]:
    """The dotted path of every node below a mapping."""
    found = []
    for key in node if OmegaConf.is_dict(node) else []:
        here = f"{path}.{key}" if path else str(key)
        found.append(here)
        if not OmegaConf.is_interpolation(node, key) and not OmegaConf.is_missing(node, key):
            found += keys(node[key], here)
    return found
