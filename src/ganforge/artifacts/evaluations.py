"""Evaluations of a run: where they are, which of them is the best, and which may stand side by side."""

from collections.abc import Callable, Iterable
from math import isnan
from pathlib import Path
from typing import Any, TypeVar

RECORDS = "metrics.jsonl"
ORIGIN = ("weights", "seed", "fakes")
"""Entries of a stamp that say where the fakes come from; all others say how they were measured."""

Item = TypeVar("Item")


def order(score: float, mode: str) -> tuple[bool, float]:
    """A key that sorts the best score first; what is not a number comes last."""
    return isnan(score), -score if mode == "max" else score


def best(items: Iterable[Item], score: Callable[[Item], float], mode: str) -> Item:
    """The first of those with the best score; `mode` is min or max."""
    return min(items, key=lambda item: order(score(item), mode))


def comparable(stamp: dict[str, Any], other: dict[str, Any]) -> bool:
    """Whether two stamps measured the same: for the fakes of another tool their origin does not count.

    Two evaluations of ganforge's own generators must also have drawn from the same kind of weights and seed.
    """
    return decisive(stamp, other) == decisive(other, stamp)


def decisive(stamp: dict[str, Any], beside: dict[str, Any]) -> dict[str, Any]:
    """The entries of a stamp that must be equal to those of the stamp `beside` it."""
    if "fakes" in stamp or "fakes" in beside:
        return {name: entry for name, entry in stamp.items() if name not in ORIGIN}
    return stamp


def short_names(subjects: Iterable[Path]) -> dict[Path, str]:
    """As many of the last parts of each path as tell all of them apart: generate.py calls every folder `images`."""
    whole = {subject: subject.resolve().parts for subject in subjects}
    for length in range(1, max(map(len, whole.values()), default=1) + 1):
        names = {subject: "/".join(parts[-length:]) for subject, parts in whole.items()}
        if len(set(names.values())) == len(set(whole.values())):
            break
    return names
