"""What a sweep found: its jobs ranked, scores with unequal stamps apart."""

import csv
import json
import sys
from pathlib import Path
from typing import Any

from hydra.experimental.callback import Callback
from omegaconf import DictConfig, OmegaConf
from rich.table import Table

from ganforge.artifacts.evaluations import best_of_training, measured_with, order
from ganforge.artifacts.records import read_yaml, write_json
from ganforge.launch.messages import shown
from ganforge.process.terminal import plain_console


class Ranking(Callback):
    """At the end of a sweep, a table of its jobs, best first; scores with unequal stamps are in separate tables.

    The exit code is 1 where a job has not come to its end.
    """

    def on_multirun_start(self, config: DictConfig, **_: Any) -> None:
        """Write down what a resumed sweep goes on with."""
        typed: Any = OmegaConf.to_container(config.hydra.overrides)  # with the references as they were typed
        if not any(override.startswith("resume=") for override in typed["task"]):
            overrides = [*typed["task"], *typed["hydra"]]
            write_json(Path(config.hydra.sweep.dir) / "sweep.json", {"overrides": overrides})

    def on_multirun_end(self, config: DictConfig, **_: Any) -> None:
        folder = Path(config.hydra.sweep.dir)
        jobs = sorted((job_record(path) for path in folder.rglob("status.json")), key=lambda job: job["number"])
        if not jobs:
            return
        show_what_varies(jobs)
        tables = ranked_by_stamp(jobs)
        others = [job for job in jobs if not any(job in table for table in tables)]
        rows = [
            {"group": group, "rank": rank, **job}
            for group, table in enumerate(tables)
            for rank, job in enumerate(table, 1)
        ]
        write_ranking(folder / "ranking.csv", rows + [{"group": "", "rank": "", **job} for job in others])
        console = plain_console()
        for table in tables:
            console.print(ranking_table(table))
        for job in others:
            console.print(f"job {job['number']} {job['overrides']} {why_unranked(job)}", soft_wrap=True)
        console.print(f"ranking: {shown(folder / 'ranking.csv')}", soft_wrap=True)
        if any(job["state"] not in ("finished", "ended") for job in jobs):
            sys.exit(1)


def job_record(status: Path) -> dict[str, Any]:
    """What a finished or failed job left behind: its overrides, its monitored score and the stamp of it."""
    folder = status.parent
    record = {"number": int(folder.name) if folder.name.isdigit() else -1, "error": "it was killed", "overrides": []}
    if (overrides := folder / ".hydra" / "overrides.yaml").exists():
        record["overrides"] = read_yaml(overrides)
    record |= json.loads(status.read_text(encoding="utf-8"))
    evaluation = best_of_training(folder)
    if evaluation is None:
        return record | {"monitor": "", "mode": "", "score": None, "images_seen": None, "stamp": ""}
    metrics = read_yaml(folder / ".hydra" / "config.yaml")["metrics"]
    return record | {
        "monitor": metrics["monitor"],
        "mode": metrics["mode"],
        "score": evaluation["scores"][metrics["monitor"]],
        "images_seen": evaluation["images_seen"],
        "stamp": json.dumps(measured_with(evaluation["stamp"]), sort_keys=True),
    }


def why_unranked(job: dict[str, Any]) -> str:
    match job["state"]:
        case "finished":
            return "has no scores"
        case "starting" | "running":
            return "was killed"
        case "failed":
            return f"failed: {(job['error'].splitlines() or ['?'])[-1]}"
    return f"{job['state']} before its budget was spent"


def ranked_by_stamp(jobs: list[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    """Finished jobs with a score, best first, apart where their stamps or monitored scores differ."""
    tables: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for job in jobs:
        if job["state"] == "finished" and job["score"] is not None:
            tables.setdefault((job["stamp"], job["monitor"]), []).append(job)
    for table in tables.values():
        table.sort(key=lambda job: order(job["score"], job["mode"]))
    return list(tables.values())


def show_what_varies(jobs: list[dict[str, Any]]) -> None:
    """Reduce each job's overrides to those that not every job has."""
    common = set.intersection(*(set(job["overrides"]) for job in jobs)) if len(jobs) > 1 else set()
    for job in jobs:
        job["overrides"] = " ".join(override for override in job["overrides"] if override not in common)


def ranking_table(ranked: list[dict[str, Any]]) -> Table:
    stamp = json.loads(ranked[0]["stamp"])
    table = Table(title=f"{stamp['data']}, {stamp['extractor']}, {stamp['fake_images']} fakes", title_justify="left")
    for column in ("rank", "job", "overrides", ranked[0]["monitor"], "images"):
        table.add_column(column, justify="left" if column == "overrides" else "right", overflow="fold")
    for rank, job in enumerate(ranked, 1):
        table.add_row(str(rank), str(job["number"]), job["overrides"], f"{job['score']:.4g}", f"{job['images_seen']:,}")
    return table


def write_ranking(path: Path, rows: list[dict[str, Any]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
