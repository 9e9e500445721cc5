"""Scores stand side by side only where their stamps are equal; where none are, what differs is said."""

import math
from pathlib import Path
from typing import Any, Literal

from ganforge.comparison.runs import Evaluation, leaves, rank, read_evaluations

RECORDS = "metrics.jsonl"


def scored(folder: Path) -> list[Evaluation]:
    """Every evaluation of a run; ValueError where there is none."""
    evaluations = list(read_evaluations(folder / RECORDS))
    if not evaluations:
        raise ValueError(f"{folder} has no scores: evaluate that run first, in the same way")
    return evaluations


def equally_stamped(evaluations: list[Evaluation], stamp: dict[str, Any], folder: Path) -> list[Evaluation]:
    """Those with this stamp; ValueError says what the nearest one has instead where there are none."""
    equal = [evaluation for evaluation in evaluations if evaluation.stamp == stamp]
    if not equal:
        nearest = min((differences(stamp, evaluation.stamp, "there") for evaluation in evaluations), key=len)
        raise ValueError(
            f"the scores of {folder} measured something else ({'; '.join(nearest)}): "
            "evaluate that run first, in the same way"
        )
    return equal


def best(evaluations: list[Evaluation], monitor: str, mode: Literal["min", "max"]) -> Evaluation:
    """The one with the best monitored score; one without it comes last."""
    sign = -1 if mode == "max" else 1
    return min(evaluations, key=lambda evaluation: rank(sign * evaluation.scores.get(monitor, math.nan)))


def last(evaluations: list[Evaluation]) -> Evaluation:
    return max(evaluations, key=lambda evaluation: evaluation.images_seen)


def differences(stamp: dict[str, Any], other: dict[str, Any], where: str) -> list[str]:
    """Every entry that two stamps do not have in common, in words."""
    here, there = dict(leaves(stamp)), dict(leaves(other))
    return [
        f"{key}: {readable(here.get(key))} here, {readable(there.get(key))} {where}"
        for key in {**here, **there}
        if here.get(key) != there.get(key)
    ]


def readable(value: Any) -> str:
    return f"{value:,}" if isinstance(value, int) else str(value)
