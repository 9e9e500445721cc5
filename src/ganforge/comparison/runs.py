"""Runs as they lie on the disk; whatever their files hold is checked before it is believed."""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ganforge.artifacts.evaluations import RECORDS, Evaluation, belongs_to_run, best, read_evaluations, short_names
from ganforge.artifacts.files import refuse_links
from ganforge.artifacts.records import first_line, leaves, printable, read_yaml

DAMAGED = "damaged"


@dataclass(frozen=True)
class Run:
    """What a run folder says, every text made printable; `error` is its last line.

    `settings` is the configuration as {dotted key: value}, interpolations as they were written.
    """

    folder: Path
    name: str
    state: str
    error: str
    overrides: list[str]
    settings: dict[str, Any]
    evaluations: list[Evaluation]

    @property
    def monitor(self) -> str:
        return str(self.settings.get("metrics.monitor"))

    @property
    def mode(self) -> str:
        return str(self.settings.get("metrics.mode"))

    @property
    def training(self) -> list[Evaluation]:
        """Evaluations of the training curve, in the order of their images; of two at one place, the later."""
        curve = {evaluation.images_seen: evaluation for evaluation in self.evaluations if not evaluation.by}
        return [curve[images] for images in sorted(curve)]

    @property
    def later(self) -> list[Evaluation]:
        return [evaluation for evaluation in self.evaluations if evaluation.by]

    def best(self, evaluations: list[Evaluation]) -> Evaluation:
        """The one with the best monitored score, which is where the run kept its generator."""
        return best(evaluations, lambda evaluation: evaluation.scores[self.monitor], self.mode)


def find_runs(folders: list[Path]) -> list[Run]:
    """Every run in or below `folders`, once; one with a broken file is `DAMAGED`, and its error names the file.

    ValueError names the folder without any run or fakes, or the broken file where nothing else can be compared.
    """
    found: list[Path] = []
    for folder in folders:
        if not folder.is_dir():
            raise ValueError(f"{folder}: no such folder; give one of a run or of a sweep")
        below = [status.parent.resolve() for status in folder.rglob("status.json")]
        if not below and not fakes_records(folder):
            raise ValueError(f"{folder} holds no run: there is no status.json in it or below it")
        found += below
    if not found:
        raise ValueError(f"{', '.join(map(str, folders))}: there are fakes and no run to compare them with")
    found = sorted(set(found), key=counting_order)
    top = os.path.commonpath([path.parent for path in found])
    runs = [read_run_or_why_not(path, os.path.relpath(path, top)) for path in found]
    if all(run.state == DAMAGED for run in runs):
        raise ValueError(runs[0].error)
    return runs


def read_run_or_why_not(folder: Path, name: str) -> Run:
    try:
        return read_run(folder, name)
    except (ValueError, OSError) as error:
        return Run(folder, printable(name), DAMAGED, printable(first_line(error)), [], {}, [])


def find_fakes(folders: list[Path]) -> dict[str, list[Evaluation]]:
    """The scores that `evaluate.py fakes=` has left in or below `folders`, by short names of the fakes."""
    found: dict[Path, list[Evaluation]] = {}
    for records in sorted({path.resolve() for folder in folders for path in fakes_records(folder)}):
        for evaluation in read_evaluations(records):
            if "fakes" in evaluation.stamp:
                name = str(evaluation.stamp["fakes"]).rpartition(":")[0]
                subject = records.parent if records.parent.name == name else records.parent / name
                found.setdefault(subject, []).append(evaluation)
    names = short_names(found)
    return {printable(names[subject]): evaluations for subject, evaluations in found.items()}


def fakes_records(folder: Path) -> list[Path]:
    """Records that belong to no run."""
    return [path for path in folder.rglob(f"*{RECORDS}") if not belongs_to_run(path)]


def counting_order(path: Path) -> list[tuple[int, str]]:
    """Job 10 after job 9."""
    return [(int(part) if part.isdecimal() else -1, part) for part in path.parts]


def read_run(folder: Path, name: str) -> Run:
    refuse_links(folder)
    status = read_status(folder / "status.json")
    overrides = status.get("overrides", [])
    run = Run(
        folder=folder,
        name=printable(name),
        state=str(status.get("state", "unknown")),
        error=str(status.get("error", "")),
        overrides=[str(word) for word in overrides] if isinstance(overrides, list) else [],
        settings=read_settings(folder / ".hydra" / "config.yaml"),
        evaluations=list(read_evaluations(folder / RECORDS)),
    )
    if run.training and run.mode not in ("min", "max"):
        raise ValueError(f"{folder / '.hydra' / 'config.yaml'}: metrics.mode={run.mode} is neither min nor max")
    if any(run.monitor not in evaluation.scores for evaluation in run.training):
        raise ValueError(f"{folder / RECORDS}: not every line has {run.monitor}, which metrics.monitor names")
    return run


def read_status(path: Path) -> dict[str, Any]:
    try:
        status = json.loads(path.read_text(encoding="utf-8"))
        status["error"] = (str(status.get("error", "")).strip().splitlines() or [""])[-1]
        return printable(status)
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(f"{path} is not the status of a run: {first_line(error)}") from error


def read_settings(path: Path) -> dict[str, Any]:
    """The configuration, nothing in it resolved; {} where there is none, as of a job that was refused."""
    if not path.exists():
        return {}
    try:
        content = read_yaml(path)
        if not isinstance(content, dict):
            raise ValueError("it is not a mapping")
        return printable(dict(leaves(content)))
    except ValueError as error:
        raise ValueError(f"{path} is not a readable configuration: {first_line(error)}") from error
