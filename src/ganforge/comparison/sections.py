"""Which scores may be compared: those with the same name and stamp, and no others."""

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from ganforge.artifacts.evaluations import Evaluation, comparable, measured_with, order
from ganforge.artifacts.records import leaves
from ganforge.comparison.groups import collected
from ganforge.comparison.runs import Run
from ganforge.suggestions import suggestion


@dataclass(frozen=True)
class Curve:
    """The evaluations of one run that belong to a section, in the order of their images."""

    run: Run
    evaluations: list[Evaluation]

    @property
    def best(self) -> Evaluation:
        return self.run.best(self.evaluations)

    @property
    def last(self) -> Evaluation:
        return self.evaluations[-1]

    def points(self, score: str) -> tuple[list[int], list[float]]:
        return [one.images_seen for one in self.evaluations], [one.scores[score] for one in self.evaluations]


@dataclass(frozen=True)
class Group:
    """Runs that differ in the seed only; `number` counts the groups of all sections, for one colour each."""

    label: str
    number: int
    score: str
    curves: list[Curve]

    @property
    def best(self) -> list[float]:
        return [curve.best.scores[self.score] for curve in self.curves]

    @property
    def last(self) -> list[float]:
        return [curve.last.scores[self.score] for curve in self.curves]

    def mean_curve(self) -> tuple[list[int], np.ndarray, np.ndarray]:
        """Images, mean and deviation (0 of a single run) where every run was evaluated."""
        scores = [dict(zip(*curve.points(self.score), strict=True)) for curve in self.curves]
        images = sorted(set.intersection(*(set(curve) for curve in scores)))
        table = np.array([[curve[place] for place in images] for curve in scores])
        return images, table.mean(axis=0), table.std(axis=0, ddof=1) if len(scores) > 1 else np.zeros(len(images))


@dataclass(frozen=True)
class Section:
    """Comparable scores, the best group first. `mode` is min, max, or "" for a score that is not the monitored one."""

    score: str
    monitor: str
    mode: str
    stamp: dict[str, Any]
    groups: list[Group]
    fakes: dict[str, float]
    """Scores of other tools' pictures that were measured in the same way."""

    @property
    def direction(self) -> str:
        return {"min": "lower is better", "max": "higher is better"}.get(self.mode, "")

    @property
    def real(self) -> float | None:
        """What real images score in the generator's place."""
        return self.groups[0].curves[0].last.real.get(self.score)

    @property
    def digits(self) -> int:
        """Digits after the point for all means of the section, and for what real images score."""
        means = [np.mean(scores) for group in self.groups for scores in (group.best, group.last)]
        return decimals([float(mean) for mean in means] + ([] if self.real is None else [self.real]))

    @property
    def extremes(self) -> tuple[float, float]:
        """The lowest and the highest score of any run; nan where one is not finite."""
        scores = [score for group in self.groups for curve in group.curves for score in curve.points(self.score)[1]]
        return float(np.min(scores)), float(np.max(scores))


@dataclass(frozen=True)
class Point:
    """One evaluation on its way into a section."""

    number: int
    label: str
    run: Run
    score: str
    evaluation: Evaluation


def sections(
    groups: dict[str, list[Run]], score: str | None = None, fakes: dict[str, list[Evaluation]] | None = None
) -> list[Section]:
    """All training curves, apart where the score, the stamp, or what is monitored differs; `fakes` beside them.

    `score` takes the place of the monitored one; ValueError if no run has it.
    """
    points = list(curve_points(groups, score))
    if score and not points:
        known = sorted(
            {name for runs in groups.values() for run in runs for one in run.training for name in one.scores}
        )
        raise ValueError(f"no run has the score {score}, only {', '.join(known) or 'none'}{suggestion(score, known)}")
    apart = collected(
        points, lambda point: (point.score, point.run.monitor, point.run.mode, key(point.evaluation.stamp))
    )
    return [section(points, fakes or {}) for points in apart.values()]


def curve_points(groups: dict[str, list[Run]], score: str | None) -> Iterator[Point]:
    for number, (label, runs) in enumerate(groups.items()):
        for run in runs:
            for evaluation in run.training:
                name = score or run.monitor
                if name in evaluation.scores:
                    yield Point(number, label, run, name, evaluation)


def section(points: list[Point], fakes: dict[str, list[Evaluation]]) -> Section:
    score, run = points[0].score, points[0].run
    mode = run.mode if score == run.monitor else ""
    groups = []
    for same_group in collected(points, lambda point: point.number).values():
        curves = collected(same_group, lambda point: point.run.folder).values()
        groups.append(
            Group(
                same_group[0].label,
                same_group[0].number,
                score,
                [Curve(curve[0].run, [point.evaluation for point in curve]) for curve in curves],
            )
        )
    if mode:
        groups.sort(key=lambda group: order(mean_and_deviation(group.best)[0], mode))
    stamp = measured_with(points[0].evaluation.stamp)
    beside = {
        name: evaluation.scores[score]
        for name, evaluations in fakes.items()
        for evaluation in evaluations
        if score in evaluation.scores and comparable(evaluation.stamp, stamp)
    }
    return Section(score, run.monitor, mode, stamp, groups, beside)


def key(stamp: dict[str, Any]) -> str:
    return json.dumps(measured_with(stamp), sort_keys=True)


def mean_and_deviation(values: list[float]) -> tuple[float, float | None]:
    """The deviation is the sample's (n - 1); a single value has none."""
    return float(np.mean(values)), float(np.std(values, ddof=1)) if len(values) > 1 else None


def decimals(values: list[float]) -> int:
    """Digits that leave the largest value four significant ones and the smallest two, but at most 6."""
    sizes = [math.floor(math.log10(abs(value))) for value in values if value and math.isfinite(value)]
    return min(max(0, 3 - max(sizes), 1 - min(sizes)), 6) if sizes else 0


def differences(sections: list[Section]) -> list[dict[str, Any]]:
    """For each section what is not the same in all of them: entries of the stamp, and what was asked for."""
    entries = [
        {"score": part.score, "monitor": part.monitor, "mode": part.mode, **dict(leaves(part.stamp))}
        for part in sections
    ]
    names = dict.fromkeys(name for entry in entries for name in entry)
    varying = [name for name in names if len({json.dumps(entry.get(name)) for entry in entries}) > 1]
    return [{name: entry.get(name, "none") for name in varying} for entry in entries]


def titles(sections: list[Section]) -> list[str]:
    """For each section its score, and what is special about its stamp."""
    special = [
        [f"{name}={entry}" for name, entry in entries.items() if name != "score"] for entries in differences(sections)
    ]
    return [" · ".join([section.score, *words]) for section, words in zip(sections, special, strict=True)]


def unplaced(fakes: dict[str, list[Evaluation]], sections: list[Section]) -> list[str]:
    """The names of fakes that stand beside no run."""
    return [name for name in fakes if not any(name in section.fakes for section in sections)]


def later(runs: list[Run]) -> list[list[tuple[Run, Evaluation]]]:
    """Evaluations that were added after the training, by stamp."""
    pairs = [(run, evaluation) for run in runs for evaluation in run.later]
    return list(collected(pairs, lambda pair: key(pair[1].stamp)).values())


def set_aside(runs: list[Run], sections: list[Section]) -> list[tuple[Run, str]]:
    """Runs that did not finish or are in no section, and why."""
    shown = {curve.run.folder for section in sections for group in section.groups for curve in group.curves}
    reasons = [(run, reason(run, run.folder in shown)) for run in runs]
    return [(run, why) for run, why in reasons if why]


def reason(run: Run, shown: bool) -> str:
    """Why a run is not, or not wholly, in the comparison; "" for one that is."""
    if run.state in ("starting", "running"):
        return "still running, or ended without a word"
    if run.state != "finished":
        return run.error or run.state
    if not shown:
        return "has no scores" if not run.training else "has no such score"
    return ""
