"""References between values of a configuration, which may be untrusted: where they lead, and how far."""

import re
from functools import cache
from typing import Any

from omegaconf import DictConfig, OmegaConf

REFERENCE = re.compile(r"\$\{(\w+(?:\.\w+)*)\}")
"""`${model.latent.dim}`: to another value of the same configuration."""
LIMIT = 1_000_000
"""Characters that a configuration may come to when its references are followed; a real one has some thousands."""


def leads_outside(value: Any) -> bool:
    """Whether a text, or any in a list, has a $ that starts no REFERENCE.

    That asks for an environment variable or the time, or it is a piece of which such a question could be put together.
    """
    return "$" in REFERENCE.sub("", str(value))


def resolved(config: DictConfig) -> DictConfig:
    """A copy without references; ValueError where following them makes new ones."""
    values = OmegaConf.to_container(config, resolve=True)
    if "${" in str(values):
        raise ValueError("a reference is put together of pieces, or escaped: write it as it is meant")
    assert isinstance(values, dict)
    return OmegaConf.create(values)


def refuse_endless_references(content: Any) -> None:
    """ValueError where every REFERENCE followed makes more than LIMIT characters: thirty lines can make a billion."""

    def size(value: Any) -> int:
        if isinstance(value, dict | list):
            return sum(map(size, value.values() if isinstance(value, dict) else value))
        text = str(value)
        return len(text) + sum(map(size_at, REFERENCE.findall(text)))

    @cache
    def size_at(path: str) -> int:
        try:
            return size(value_at(path))
        except (LookupError, TypeError, ValueError):  # OmegaConf will say that nothing is there
            return 0

    def value_at(path: str) -> Any:
        above, _, key = path.rpartition(".")
        node = value_at(above) if above else content
        while isinstance(node, str) and (reference := REFERENCE.fullmatch(node)):
            node = value_at(reference[1])
        return node[int(key)] if isinstance(node, list) else node[key]

    try:
        if size(content) > LIMIT:
            raise ValueError(f"its references, when they are followed, make more than {LIMIT:,} characters")
    except RecursionError:
        raise ValueError("its references lead back to themselves, or are nested too deeply") from None
