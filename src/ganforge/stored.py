"""What a run folder, which may come from a stranger, says of its run."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from ganforge.overrides import parse
from ganforge.references import leads_outside, refuse_endless_references

LIMIT = 100_000
"""Bytes of a configuration; a real one has some thousands, and YAML takes its time."""


def stored_words(folder: Path) -> list[str]:
    """What was typed for this run, less what was said to Hydra itself."""
    words = read_yaml(folder / ".hydra" / "overrides.yaml")
    if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
        raise ValueError(f"{folder / '.hydra' / 'overrides.yaml'} is not a list of overrides")
    return [word for word in words if not is_for_hydra(word)]


def is_for_hydra(word: str) -> bool:
    """Whether a word is said to Hydra itself, by its key or by its package (`loss@hydra.job=wgan`)."""
    override = parse(word)
    return "hydra" in re.split(r"[./]", f"{override.key_or_group}.{override.package}")


def stored_config(folder: Path) -> DictConfig:
    """The configuration of a run, which may come from a stranger: it may refer to itself, and to nothing outside."""
    path = folder / ".hydra" / "config.yaml"
    content = read_yaml(path)
    if not isinstance(content, dict):
        raise ValueError(f"{path} is not a configuration")
    outside = [leaf for _, leaf in leaves(content) if leads_outside(leaf)]
    if outside:
        raise ValueError(f"{path} is refused: {outside[0]!r} asks for something outside of the configuration")
    try:
        refuse_endless_references(content)
        config = OmegaConf.create(content)
    except (ValueError, OmegaConfBaseException, RecursionError) as error:
        raise ValueError(f"{path} is refused: {str(error).splitlines()[0]}") from error
    missing = [
        key
        for key in ("data", "model", "loss", "system", "trainer", "callbacks", "metrics", "paths")
        if not OmegaConf.is_dict(config.get(key))
    ]
    if missing or not isinstance(config.get("images"), int):
        raise ValueError(f"{path} is not the configuration of a run: it has no {(missing or ['images'])[0]}")
    return config


def stored_status(folder: Path) -> dict[str, Any]:
    try:
        status = json.loads((folder / "status.json").read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return status if isinstance(status, dict) else {}


def read_yaml(path: Path) -> Any:
    """Plain data; anchors, of which a few lines can make millions, are refused."""
    try:
        if path.stat().st_size > LIMIT:
            raise ValueError(f"it has more than {LIMIT:,} bytes")
        text = path.read_text(encoding="utf-8")
        if any(isinstance(token, yaml.AliasToken) for token in yaml.scan(text)):
            raise ValueError("it has YAML aliases")
        return yaml.safe_load(text)
    except (OSError, UnicodeDecodeError, yaml.YAMLError, RecursionError, ValueError) as error:
        raise ValueError(f"{path} cannot be read: {str(error).splitlines()[0]}") from error


def leaves(node: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every value below mappings with its dotted path; a list is one value."""
    if not isinstance(node, dict) or not node:
        yield path, node
        return
    for key, value in node.items():
        yield from leaves(value, f"{path}.{key}" if path else str(key))
