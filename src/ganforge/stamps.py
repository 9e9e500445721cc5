"""Scores stand side by side only where their stamps are equal; where none are, what differs is said."""

import math
from pathlib import Path
from typing import Any

from ganforge.artifacts.evaluations import RECORDS, comparable, decisive
from ganforge.artifacts.evaluations import best as best_of
from ganforge.artifacts.records import leaves
from ganforge.comparison.runs import Evaluation, read_evaluations


def scored(folder: Path) -> list[Evaluation]:
    """Every evaluation of a run; ValueError where there is none."""
    evaluations = list(read_evaluations(folder / RECORDS))
    if not evaluations:
        raise ValueError(f"{folder} has no scores: evaluate that run first, in the same way")
    return evaluations


def comparable_to(evaluations: list[Evaluation], stamp: dict[str, Any], folder: Path) -> list[Evaluation]:
    """Those that may stand beside `stamp`; ValueError says what the nearest one has instead where there are none."""
    found = [evaluation for evaluation in evaluations if comparable(evaluation.stamp, stamp)]
    if not found:
        nearest = min((differences(stamp, evaluation.stamp, "there") for evaluation in evaluations), key=len)
        raise ValueError(
            f"the scores of {folder} measured something else ({'; '.join(nearest)}): "
            "evaluate that run first, in the same way"
        )
    return found


def best(evaluations: list[Evaluation], monitor: str, mode: str) -> Evaluation:
    """The one with the best monitored score; one without it comes last."""
    return best_of(evaluations, lambda evaluation: evaluation.scores.get(monitor, math.nan), mode)


def last(evaluations: list[Evaluation]) -> Evaluation:
    return max(evaluations, key=lambda evaluation: evaluation.images_seen)


def differences(stamp: dict[str, Any], other: dict[str, Any], where: str) -> list[str]:
    """Every entry in which two stamps that are not comparable differ, in words."""
    here, there = dict(leaves(decisive(stamp, other))), dict(leaves(decisive(other, stamp)))
    return [
        f"{key}: {readable(here.get(key))} here, {readable(there.get(key))} {where}"
        for key in {**here, **there}
        if here.get(key) != there.get(key)
    ]


def readable(value: Any) -> str:
    return f"{value:,}" if isinstance(value, int) else str(value)
