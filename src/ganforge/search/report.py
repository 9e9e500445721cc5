"""What a search found: its trials ranked, which parameters matter, and the line that repeats the best trial."""

import shlex
from pathlib import Path
from typing import Any

import optuna
from optuna.trial import FrozenTrial, TrialState
from rich.table import Table

from ganforge.launch.messages import shown
from ganforge.launch.ranking import write_ranking
from ganforge.process.terminal import plain_console
from ganforge.search.plan import Plan
from ganforge.search.space import Space

SHOWN = 10
ENOUGH_FOR_IMPORTANCE = 10
NAMES = {TrialState.COMPLETE: "finished", TrialState.PRUNED: "pruned", TrialState.FAIL: "failed"}


def report(folder: Path, plan: Plan, space: Space, study: optuna.Study) -> bool:
    """Print the best trials and write all of them to `search.csv`; whether there is any that has finished."""
    trials = [trial for trial in study.get_trials() if "same_as" not in trial.user_attrs]
    ranked = sorted(
        (trial for trial in trials if trial.value is not None and trial.state == TrialState.COMPLETE),
        key=lambda trial: trial.value or 0.0,
        reverse=plan.mode == "max",
    )
    others = [trial for trial in trials if trial not in ranked]
    write_ranking(folder / "search.csv", [row(trial, plan.monitor, space) for trial in (*ranked, *others)])
    console = plain_console()
    if ranked:
        console.print(table(ranked[:SHOWN], plan.monitor, list(space.distributions)))
    console.print(state_counts(study))
    lines = {"table": shown(folder / "search.csv")}
    if ranked:
        best = ranked[0]
        lines["best"] = shown(folder / "trials" / str(best.number))
        lines["repeat"] = shlex.join(["python", "src/train.py", *space.overrides(best.params)])
        if len(ranked) >= ENOUGH_FOR_IMPORTANCE and len(space.distributions) > 1:
            lines["matters"] = importance(study, list(space.distributions))
    for name, line in lines.items():
        console.print(f"{name:8} {line}", soft_wrap=True)
    return bool(ranked)


def table(ranked: list[FrozenTrial], monitor: str, keys: list[str]) -> Table:
    columns = Table(title=f"best trials by {monitor}", title_justify="left")
    for name in ("trial", *short(keys), monitor, "images"):
        columns.add_column(name, justify="right", overflow="fold")
    for trial in ranked:
        values = (brief(trial.params[key]) for key in keys)
        columns.add_row(str(trial.number), *values, brief(trial.value), f"{trial.user_attrs['images_seen']:,}")
    return columns


def state_counts(study: optuna.Study) -> str:
    repeats = "the same as others"
    states = [repeats if "same_as" in trial.user_attrs else NAMES[trial.state] for trial in study.trials]
    return ", ".join(f"{states.count(name)} {name}" for name in (*NAMES.values(), repeats) if name in states)


def row(trial: FrozenTrial, monitor: str, space: Space) -> dict[str, Any]:
    return {
        "trial": trial.number,
        "state": NAMES[trial.state],
        **{key: trial.params[key] for key in space.distributions},
        monitor: trial.value,
        "images_seen": trial.user_attrs.get("images_seen", trial.last_step),
        "why": trial.user_attrs["why"],
    }


def short(keys: list[str]) -> list[str]:
    """Each dotted key by as few of its last words as tell it from the others."""

    def ending(key: str, words: int) -> str:
        return ".".join(key.split(".")[-words:])

    lengths = [next(n for n in range(1, 99) if [ending(k, n) for k in keys].count(ending(key, n)) == 1) for key in keys]
    return [ending(key, length) for key, length in zip(keys, lengths, strict=True)]


def brief(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def importance(study: optuna.Study, keys: list[str]) -> str:
    """Shares of the score's variance that each parameter explains (Watanabe et al. 2023, PED-ANOVA)."""
    shares = optuna.importance.get_param_importances(study)
    names = dict(zip(keys, short(keys), strict=True))
    return ", ".join(f"{names[key]} {share:.0%}" for key, share in shares.items())
