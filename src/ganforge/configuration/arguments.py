"""The configuration held against the signatures of what it names: every argument exists and has the right type."""

import inspect
import math
import re
import types
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from hydra.utils import get_object
from omegaconf import DictConfig, OmegaConf

from ganforge.compat.python import is_protocol
from ganforge.configuration.trust import targets
from ganforge.interfaces import Count
from ganforge.suggestions import suggestion

HYDRAS = {"_target_": str, "_partial_": bool, "_recursive_": bool, "_convert_": str}
"""What Hydra itself reads beside the arguments; positional ones would escape the check."""


def refuse_wrong_arguments(config: DictConfig, root: str = "") -> None:
    """Check every `_target_` in the tree: that its arguments exist and have the right type."""
    for path, node in targets(config, root):
        name = node["_target_"]
        accepted = parameters(get_object(name)) | HYDRAS
        for key in map(str, node):
            where = origin(node, key) or f"{path}.{key}"
            if OmegaConf.is_missing(node, key):
                raise ValueError(f"{where}= is missing: {name.rpartition('.')[2]} needs it")
            if key not in accepted:
                raise ValueError(f"{path} has no argument {key!r}{suggestion(key, list(accepted))}")
            if not finite(node[key]):
                raise ValueError(f"{where}={node[key]} should be a finite number below 2**63")
            if not fits(node[key], accepted[key]):
                given = node[key].get("_target_", node[key]) if OmegaConf.is_dict(node[key]) else node[key]
                raise ValueError(f"{where}={given} should be {spelled(accepted[key])}")


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
        hints = get_type_hints(inspect.unwrap(function), include_extras=True)
    except NameError:
        hints = {}
    kinds = {p.kind for p in signature.parameters.values()}
    named = [
        p.name
        for p in signature.parameters.values()
        if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY) and p.name != "self"
    ]
    return {name: hints.get(name, Any) for name in named}, inspect.Parameter.VAR_KEYWORD in kinds


def finite(value: Any) -> bool:
    """Whether every number in `value` is finite, and a whole one has a place in 64 bits: no other is ever meant."""
    if OmegaConf.is_list(value):
        return all(map(finite, value))
    return not isinstance(value, int | float) or (
        math.isfinite(value) if isinstance(value, float) else abs(value) < 2**63
    )


def fits(value: Any, hint: Any) -> bool:
    """Whether a value from the configuration can be meant for `hint`; what is not plain data is left to the code."""
    kind, options = get_origin(hint), get_args(hint)
    if kind in (Union, types.UnionType):
        return any(fits(value, option) for option in options)
    if kind is Annotated:
        return fits(value, options[0]) and (hint != Count or value >= 1)
    if OmegaConf.is_config(value):
        return config_fits(value, hint)
    if kind is Literal:
        return value in options
    if hint is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    if hint is int:
        return isinstance(value, int) and not isinstance(value, bool)
    if hint in (bool, str, type(None)):
        return isinstance(value, hint)
    return kind is None and (hint in (Any, Path) or not inspect.isclass(hint))


def config_fits(value: Any, hint: Any) -> bool:
    """Whether a list or a mapping can become what `hint` says."""
    kind, options = get_origin(hint), get_args(hint)
    if "_target_" in value:
        return hint not in (int, float, bool, str) and target_fits(value, hint)
    if OmegaConf.is_list(value):
        if kind is tuple and Ellipsis not in options:
            return len(value) == len(options) and all(map(fits, value, options))
        return all(fits(item, options[0]) for item in value) if kind is list else not inspect.isclass(hint)
    if kind in (dict, Mapping):
        return all(fits(item, options[1]) for item in value.values())
    return hint is Any or (kind is None and not inspect.isclass(hint))


def target_fits(node: Any, hint: Any) -> bool:
    """Whether the object that a node describes can be one of `hint`, where both are classes."""
    made = get_object(node["_target_"])
    checkable = all(map(inspect.isclass, (made, hint))) and not is_protocol(hint)
    return not checkable or bool(node.get("_partial_")) or issubclass(made, hint)


def spelled(hint: Any) -> str:
    if get_origin(hint) is Literal:
        return "one of " + ", ".join(map(str, get_args(hint)))
    if get_origin(hint) in (Union, types.UnionType):
        return " or ".join(spelled(option) for option in get_args(hint))
    names = {
        int: "a whole number",
        Count: "a whole number, at least 1",
        float: "a number",
        bool: "true or false",
        str: "a text",
        type(None): "null",
    }
    return names.get(hint, hint.__name__ if inspect.isclass(hint) else str(hint))
