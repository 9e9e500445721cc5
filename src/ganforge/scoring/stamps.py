"""Scores stand side by side only where their stamps are equal; where none are, what differs is said."""

import math
from pathlib import Path
from typing import Any

from ganforge.artifacts.evaluations import RECORDS, Evaluation, comparable, decisive, read_evaluations
from ganforge.artifacts.evaluations import best as best_of
from ganforge.artifacts.records import leaves


def records_of(subject: Path) -> Path:
    """Where the scores of a run, of a folder of fakes, or of an .npz are; or the file itself."""
    if subject.suffix == ".jsonl":
        return subject
    return subject.with_suffix(f".{RECORDS}") if subject.suffix == ".npz" else subject / RECORDS


def scored(subject: Path) -> list[Evaluation]:
    """Every evaluation of it; ValueError where there is none."""
    evaluations = list(read_evaluations(records_of(subject)))
    if not evaluations:
        raise ValueError(f"{subject} has no scores: evaluate it first, in the same way")
    return evaluations


def comparable_to(evaluations: list[Evaluation], stamp: dict[str, Any], folder: Path) -> list[Evaluation]:
    """Those that may stand beside `stamp`; ValueError says what the nearest one has instead where there are none."""
    found = [evaluation for evaluation in evaluations if comparable(evaluation.stamp, stamp)]
    if not found:
        unequal = "; ".join(nearest(evaluations, stamp, "there"))
        raise ValueError(
            f"the scores of {folder} measured something else ({unequal}): evaluate it first, in the same way"
        )
    return found


def best(evaluations: list[Evaluation], monitor: str, mode: str) -> Evaluation:
    """The one with the best monitored score; one without it comes last."""
    return best_of(evaluations, lambda evaluation: evaluation.scores.get(monitor, math.nan), mode)


def heading(name: str, evaluation: Evaluation) -> str:
    """Fakes that another tool has drawn have seen no images that anybody knows of."""
    return name if "fakes" in evaluation.stamp else f"{name}, {evaluation.images_seen:,}"


def last(evaluations: list[Evaluation]) -> Evaluation:
    return max(evaluations, key=lambda evaluation: evaluation.images_seen)


def nearest(evaluations: list[Evaluation], stamp: dict[str, Any], where: str) -> list[str]:
    """The differences from the evaluation that has the fewest."""
    return min((differences(stamp, evaluation.stamp, where) for evaluation in evaluations), key=len)


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
