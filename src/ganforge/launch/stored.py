"""What a run folder, which may be untrusted, says of its run."""

import json
import re
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from ganforge.artifacts.files import refuse_links
from ganforge.artifacts.records import leaves, read_yaml
from ganforge.configuration.references import leads_outside, refuse_endless_references
from ganforge.launch.grammar import parse

LATEST = "latest"
"""In place of a folder: the one that was written to last."""
RUNS = ("train/*", "sweep/*/*")
WRITTEN = (".hydra/config.yaml", "status.json", "sweep.json", "search.json")
"""Files that say when a run, a sweep or a search began, or ended."""


def latest(outputs: Path, *patterns: str) -> Path:
    """The folder below `outputs`, of those that the patterns find, that was written to last."""
    moments = {
        folder: max(times)
        for pattern in patterns
        for folder in outputs.glob(pattern)
        if (times := [(folder / name).stat().st_mtime for name in WRITTEN if (folder / name).exists()])
    }
    if not moments:
        raise ValueError(f"{LATEST}: there is no run in {outputs}")
    return max(moments, key=lambda folder: moments[folder]).resolve()


def stored_overrides(folder: Path) -> list[str]:
    """What was typed for this run, less what sets something of Hydra's own."""
    overrides = read_yaml(folder / ".hydra" / "overrides.yaml")
    if not isinstance(overrides, list) or not all(isinstance(override, str) for override in overrides):
        raise ValueError(f"{folder / '.hydra' / 'overrides.yaml'} is not a list of overrides")
    return [override for override in overrides if not is_for_hydra(override)]


def is_for_hydra(text: str) -> bool:
    """Whether an override sets something of Hydra's own, by its key or by its package (`loss@hydra.job=wgan`)."""
    override = parse(text)
    return "hydra" in re.split(r"[./]", f"{override.key_or_group}.{override.package}")


def stored_config(folder: Path) -> DictConfig:
    """The configuration of a run, which may be untrusted: it may refer to itself, and to nothing outside."""
    refuse_links(folder)
    path = folder / ".hydra" / "config.yaml"
    content = read_yaml(path)
    if not isinstance(content, dict):
        raise ValueError(f"{path} is not a configuration")
    try:
        outside = [leaf for _, leaf in leaves(content) if leads_outside(leaf)]
        if outside:
            raise ValueError(f"{outside[0]!r} asks for something outside of the configuration")
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
