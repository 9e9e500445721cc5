"""Which runs repeat one experiment with other seeds, and what to call it."""

import json
from collections.abc import Callable, Hashable, Iterable
from typing import Any, TypeVar

from ganforge.comparison.runs import Run

SEEDS = {"seed", "system.seed", "data.seed"}
"""Where a configuration has the seed of the run."""
LOOKS_ON = {
    "paths",
    "logger",
    "callbacks",
    "metrics",
    "resume",
    "evaluate_every",
    "sample_every",
    "save_every",
    "log_every",
}
"""What has no influence on the training; how scores are measured is the stamp's to tell apart."""

Item = TypeVar("Item")
Key = TypeVar("Key", bound=Hashable)


def grouped(runs: list[Run]) -> dict[str, list[Run]]:
    """{label: runs whose configurations are equal but for the seed}; a refused job has none and is left out."""
    groups = list(collected((run for run in runs if run.settings), experiment).values())
    return dict(zip(labels(groups), groups, strict=True))


def collected(items: Iterable[Item], key: Callable[[Item], Key]) -> dict[Key, list[Item]]:
    """The items by their key, in the order in which they come."""
    found: dict[Key, list[Item]] = {}
    for item in items:
        found.setdefault(key(item), []).append(item)
    return found


def experiment(run: Run) -> str:
    """The configuration but for the seed, what looks on, and names of folders."""
    places = [str(place) for key, place in run.settings.items() if key.startswith("paths.") and place]

    def inside(setting: Any) -> bool:
        return any(setting == place or str(setting).startswith(f"{place}/") for place in places)

    kept = {key: setting for key, setting in run.settings.items() if counts(key) and not inside(setting)}
    return json.dumps(kept, sort_keys=True, default=str)


def counts(key: str) -> bool:
    return key not in SEEDS and key.split(".")[0] not in LOOKS_ON


def labels(groups: list[list[Run]]) -> list[str]:
    """What was typed differently for each group, and as few keys of the configuration as then tell them all apart.

    Where these are spelled alike (1 and "1") the place in the list is added, so that no two are the same.
    """
    keys = [key for key in typed_keys(groups) if len(groups) == 1 or distinct(groups, [key]) > 1]
    others = {key for group in groups for key in json.loads(experiment(group[0]))}
    for key in sorted(others, key=lambda key: (key.count("."), len(key), key)):
        if distinct(groups, [*keys, key]) > distinct(groups, keys):
            keys.append(key)
    names = [label(group, keys) for group in groups]
    return [f"{name} ({place})" if name in names[:place] else name for place, name in enumerate(names)]


def distinct(groups: list[list[Run]], keys: list[str]) -> int:
    """How many of the groups these keys tell apart."""
    return len({label(group, keys) for group in groups})


def label(group: list[Run], keys: list[str]) -> str:
    words = ((key.removesuffix("._target_"), value(group, key)) for key in keys)
    return " ".join(f"{key}={word}" for key, word in words if word) or "defaults"


def typed_keys(groups: list[list[Run]]) -> list[str]:
    """Keys of the overrides of any run, in the order in which they were typed."""
    return [key for key in dict.fromkeys(key for group in groups for run in group for key in typed(run)) if counts(key)]


def typed(run: Run) -> dict[str, str]:
    words = (word.lstrip("+").partition("=") for word in run.overrides)
    return {key: text for key, _, text in words}


def value(group: list[Run], key: str) -> str:
    """From the configuration, or the chosen option where `key` is a group of options; "" where neither has it."""
    if key in group[0].settings:
        word = spelled(group[0].settings[key])
        return ".".join(word.split(".")[-2:]) if key.endswith("._target_") else word
    return next((typed(run)[key] for run in group if key in typed(run)), "")


def spelled(setting: Any) -> str:
    """As it would be typed."""
    if isinstance(setting, bool) or setting is None or isinstance(setting, list):
        return json.dumps(setting, separators=(",", ":"), default=str)
    if isinstance(setting, int):
        return f"{setting:_}" if abs(setting) >= 10_000 else str(setting)
    return str(setting)


def common(groups: dict[str, list[Run]]) -> str:
    """What was typed for every run."""
    every = [run.overrides for runs in groups.values() for run in runs]
    return " ".join(word for word in every[0] if counts(word.partition("=")[0]) and all(word in one for one in every))
