"""Evaluations of a run: where they are, which of them is the best, and which may stand side by side."""

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from ganforge.artifacts.records import printable, read_lines, read_yaml

RECORDS = "metrics.jsonl"
RESCORED = "evaluate"
"""What is in `by` of the lines that `evaluate.py` adds: a resumed run keeps them."""
ORIGIN = ("weights", "statistics", "seed", "fakes")
"""Entries of a stamp that say where the fakes come from; all others say how they were measured."""
TRAINING = ("content",)
"""Entries that say what the fakes' generator was trained with, and have no say in what may stand side by side."""

HUGE = 1e100
"""Finite scores beyond it are an accident, and cannot be drawn."""

Item = TypeVar("Item")


@dataclass(frozen=True)
class Evaluation:
    """One line of `metrics.jsonl`; `real` is what real images score, `by` who else added it (bounds, evaluate)."""

    images_seen: int
    scores: dict[str, float]
    real: dict[str, float]
    stamp: dict[str, Any]
    by: str


def lines_by(run: Path, by: str) -> list[dict[str, Any]]:
    """The lines of a run's `metrics.jsonl` that `by` added, in their order."""
    return [line for line in read_lines(run / RECORDS) if line.get("by") == by]


def order(score: float, mode: str) -> tuple[bool, float]:
    """A key that sorts the best score first; what is not a number comes last."""
    return math.isnan(score), -score if mode == "max" else score


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
    aside = ORIGIN if "fakes" in stamp or "fakes" in beside else ()
    return {name: entry for name, entry in measured_with(stamp).items() if name not in aside}


def measured_with(stamp: dict[str, Any]) -> dict[str, Any]:
    """A stamp without what it says of the training."""
    return {name: entry for name, entry in stamp.items() if name not in TRAINING}


def short_names(subjects: Iterable[Path]) -> dict[Path, str]:
    """As many of the last parts of each path as tell all of them apart: generate.py calls every folder `images`."""
    whole = {subject: subject.resolve().parts for subject in subjects}
    for length in range(1, max(map(len, whole.values()), default=1) + 1):
        names = {subject: "/".join(parts[-length:]) for subject, parts in whole.items()}
        if len(set(names.values())) == len(set(whole.values())):
            break
    return names


def training_lines(folder: Path) -> list[dict[str, Any]]:
    """The evaluations made while training, without what others added: `evaluate.py`, and bounds on likelihoods."""
    return [line for line in read_lines(folder / RECORDS) if "by" not in line]


def best_of_training(folder: Path) -> dict[str, Any] | None:
    """The line of `metrics.jsonl` with the best monitored score, of those made while training."""
    lines = training_lines(folder)
    if not lines:
        return None
    metrics = read_yaml(folder / ".hydra" / "config.yaml")["metrics"]
    return best(lines, lambda line: line["scores"][metrics["monitor"]], metrics["mode"])


def belongs_to_run(records: Path) -> bool:
    return records.name == RECORDS and (records.parent / "status.json").exists()


def read_evaluations(path: Path) -> Iterator[Evaluation]:
    for number, line in enumerate(read_lines(path), 1):
        try:
            record = printable(line)
            if not 0 <= record["images_seen"] < 2**53:
                raise ValueError(f"images_seen={record['images_seen']}")
            yield Evaluation(
                images_seen=int(record["images_seen"]),
                scores=numbers(record["scores"]),
                real=numbers(record.get("real", {}).get("scores", {})),
                stamp=dict(record["stamp"]),
                by=str(record["by"]) if "by" in record else "",
            )
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError, RecursionError) as error:
            raise ValueError(f"{path}, line {number}, is not an evaluation: {error!r}") from error


def numbers(record: dict[str, Any]) -> dict[str, float]:
    values = {name: float(value) for name, value in record.items()}
    if any(HUGE < abs(value) < math.inf for value in values.values()):
        raise ValueError(f"a score beyond {HUGE:g}")
    return values
