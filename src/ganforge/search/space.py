"""What a search chooses from: overrides that name several values, in Hydra's own spelling."""

from dataclasses import dataclass
from itertools import islice
from math import isfinite
from typing import Any

from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.types import ChoiceSweep, Override, RangeSweep
from hydra.errors import HydraException
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from ganforge.launch.grammar import parse
from ganforge.launch.overrides import (
    cells,
    conf_folder,
    groups,
    refuse_bad_overrides,
    refuse_impossible_sweeps,
    understood,
)

MOST = 10_000
"""Values that a range may name."""


@dataclass(frozen=True)
class Space:
    """The overrides that all trials share, and a distribution for each key that is searched."""

    fixed: list[str]
    distributions: dict[str, BaseDistribution]

    def overrides(self, parameters: dict[str, Any]) -> list[str]:
        """The command line of a trial. A choice is kept as the text that selects it."""
        return [*self.fixed, *(f"{key}={parameters[key]}" for key in self.distributions)]


def space_of(overrides: list[str], default: list[str]) -> Space:
    """What `overrides` leave open, or where they name one value each, those of `default` that they do not set."""
    parsed = [parse(override) for override in understood(overrides)]
    fixed = [override for override in parsed if not override.is_sweep_override()]
    taken = {override.key_or_group for override in fixed}
    searched = [override for override in parsed if override.is_sweep_override()]
    searched = searched or [o for o in map(parse, understood(default)) if o.key_or_group not in taken]
    if not searched:
        raise ValueError("nothing is left to search: name several values, as in loss=hinge,lsgan")
    for override in (*fixed, *searched):
        refuse_what_trials_cannot_have(override)
    shared = [str(override.input_line) for override in fixed]
    return Space(shared, {override.get_key_element(): distribution(override) for override in searched})


def refuse_what_trials_cannot_have(override: Override) -> None:
    group = override.key_or_group.replace("/", ".").partition(".")[0]
    if group in ("hydra", "sweep"):
        raise ValueError(f"{override.input_line} is not for a search, which runs each trial in a folder of its own")
    if override.is_sweep_override() and (group == "metrics" or override.key_or_group == "data"):
        raise ValueError(f"{override.input_line}: scores by unequal {group} cannot be compared; choose one")


def distribution(override: Override) -> BaseDistribution:
    """ValueError for an override without several values. `range(1,6)` ends before 6, as it does in a sweep."""
    if not override.is_sweep_override():
        raise ValueError(f"search.space has {override.input_line}, which names one value")
    value: Any = override.value()
    if isinstance(value, RangeSweep):
        refuse_impossible_sweeps(override, multirun=True)
    try:
        if isinstance(value, ChoiceSweep):
            return CategoricalDistribution(sorted(set(override.sweep_string_iterator())))
        if isinstance(value, RangeSweep):
            steps = list(islice(value.range(), MOST + 1))
            if len(steps) > MOST:
                raise ValueError(f"it names more than {MOST:,} values; interval() has no such limit")
            return numbers(steps[0])(min(steps), max(steps), step=abs(value.step))
        if not isfinite(value.start) or not isfinite(value.end):
            raise ValueError("both ends must be finite")
        return numbers(value.start)(value.start, value.end, log="log" in value.tags)
    except (ValueError, OverflowError, HydraException) as error:
        raise ValueError(f"cannot search {override.input_line}: {error}") from error


def numbers(example: float) -> Any:
    return IntDistribution if isinstance(example, int) else FloatDistribution


def refuse_bad_space(space: Space) -> tuple[str, str]:
    """ValueError where a trial could not be composed; else the monitored score, and whether min or max."""
    GlobalHydra.instance().clear()  # hydra.main's has done its work: it composed conf/search.yaml
    overrides = [*space.fixed, *(representative(key, values) for key, values in space.distributions.items())]
    refuse_bad_overrides(overrides, True, "train")
    with initialize_config_dir(str(conf_folder()), version_base="1.3"):
        metrics = [compose("train", cell).metrics for cell in cells([parse(override) for override in overrides])]
    goals = {(metric.monitor, metric.mode) for metric in metrics}
    if len(goals) > 1:
        scores = ", ".join(sorted(str(monitor) for monitor, _ in goals))
        raise ValueError(f"not all trials would have the same monitored score: {scores}")
    monitor, mode = goals.pop()
    if monitor is None:
        raise ValueError("a search needs scores: choose a metrics= that has some")
    return monitor, mode


def representative(key: str, values: BaseDistribution) -> str:
    """All options of a group, because they bring keys; one value of anything else."""
    if isinstance(values, CategoricalDistribution):
        return f"{key}={','.join(map(str, values.choices if key in groups() else values.choices[:1]))}"
    assert isinstance(values, IntDistribution | FloatDistribution)
    return f"{key}={values.low}"
