"""The command line around a job: mistakes explained before anything starts, failures recorded, sweeps ranked."""

import csv
import itertools
import json
import logging
import os
import shutil
import sys
import textwrap
import traceback
import warnings
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir
from hydra._internal.utils import get_args_parser
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException
from hydra.experimental.callback import Callback
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from rich.console import Console
from rich.table import Table

from ganforge.artifacts.records import read_lines, write_json
from ganforge.suggestions import suggestion

USER_MISTAKE = 2
OPEN_MAPPINGS = ("callbacks", "logger", "loss.penalties", "metrics.scores")
"""Where + may add what has no place in the configuration yet."""

exit_code = 0


def main(entry: Callable[[], None], config_name: str, help_text: str) -> int:
    """Run a Hydra entry point; the exit code is 0, 2 after a mistake of the user, 1 for anything else."""
    arguments = get_args_parser().parse_intermixed_args()
    flags = [word for word in sys.argv[1:] if word not in arguments.overrides]
    sys.argv[1:] = [*flags, *arguments.overrides]
    if arguments.help:
        print(help_text.format(groups=described_groups(config_name)).strip())
        return 0
    if not (arguments.hydra_help or arguments.info is not None or arguments.shell_completion):
        try:
            refuse_bad_overrides(arguments.overrides, arguments.multirun, config_name)
        except (ValueError, HydraException, OmegaConfBaseException) as error:
            return complain(error)
    entry()
    return exit_code


def described_groups(config_name: str) -> str:
    """Every group with its options, the default first, for a terminal of 80 columns."""
    defaults: dict[str, str] = {}
    for line in (conf_folder() / f"{config_name}.yaml").read_text().splitlines():
        group, _, option = line.strip().removeprefix("- ").partition(": ")
        defaults.setdefault(group, option)
    lines = []
    for group, options in sorted(groups().items()):
        ordered = sorted(options, key=lambda option: option != defaults.get(group))
        indent = " " * 14
        lines.append(textwrap.fill(f"  {group:<12}" + ", ".join(ordered), 79, subsequent_indent=indent))
    return "\n".join(lines)


def conf_folder() -> Path:
    return Path(os.environ["PROJECT_ROOT"]) / "conf"


def groups() -> dict[str, list[str]]:
    """Every group below conf/ with its options."""
    conf = conf_folder()
    return {
        str(folder.relative_to(conf)): sorted(p.stem for p in folder.glob("*.yaml") if not p.stem.startswith("_"))
        for folder in conf.rglob("*")
        if folder.is_dir()
    }


def quiet() -> None:
    """Silence what libraries say about choices that are not the user's."""
    for name in ("lightning.pytorch", "lightning.fabric", "torch.distributed", "torch.multiprocessing.spawn"):
        logging.getLogger(name).setLevel(logging.ERROR)
    warnings.filterwarnings("ignore")
    os.environ |= {"PYTHONWARNINGS": "ignore", "TORCH_CPP_LOG_LEVEL": "ERROR"}


def complain(error: BaseException) -> int:
    if os.environ.get("HYDRA_FULL_ERROR") == "1":
        raise error
    text = str(error).strip()
    print(f"error: {text.splitlines()[0] if text else type(error).__name__}", file=sys.stderr)
    return USER_MISTAKE


def run_job(config: DictConfig, job: Callable[[DictConfig], float | None]) -> float | None:
    """One job in its run folder. In a sweep a failure is recorded in `status.json` and the next job goes on."""
    global exit_code
    hydra = HydraConfig.get()
    folder = Path(hydra.runtime.output_dir)
    config.paths.run = str(folder)
    in_sweep = hydra.mode == RunMode.MULTIRUN
    if in_sweep and "BasicLauncher" not in hydra.launcher._target_:
        config.callbacks.progress.show = False
    if any(folder.iterdir()):
        exit_code = complain(ValueError(f"{folder} is not empty: choose another hydra.run.dir"))
        return None
    status = {"overrides": list(hydra.overrides.task)}
    try:
        score = job(config)
        write_json(folder / "status.json", {"state": "finished"} | status)
        if in_sweep:
            print(f"job {folder.name}: {' '.join(status['overrides'])}: {score:.4g}" if score is not None else "")
        return score
    except Exception as error:
        message = mistake_of_the_user(error)
        clean_up(folder, {"state": "failed", "error": message or traceback.format_exc()} | status, in_sweep)
        if in_sweep:
            print(f"job {folder.name} failed: {message or repr(error)}", file=sys.stderr)
        elif message is None:
            raise
        else:
            exit_code = complain(ValueError(message))
        return None


def clean_up(folder: Path, status: dict[str, Any], in_sweep: bool) -> None:
    """Leave no trace of a run that never trained; record how another one failed, if the disk lets us."""
    if not in_sweep and not (folder / "status.json").exists():
        shutil.rmtree(folder)
        for parent in folder.parents[:2]:
            if any(parent.iterdir()):
                return
            parent.rmdir()
        return
    with suppress(OSError):
        write_json(folder / "status.json", status)


def mistake_of_the_user(error: BaseException) -> str | None:
    """What to tell the user, or None for a failure of ours. A process of a group passes its error on as text."""
    from torch.multiprocessing.spawn import ProcessRaisedException

    if isinstance(error, ProcessRaisedException):
        name, _, message = str(error).strip().splitlines()[-1].partition(": ")
        return message if name.rpartition(".")[2] in ("ValueError", "Diverged", "OSError") else None
    if isinstance(error, OSError):
        return f"{error.strerror or error}: {error.filename}" if error.filename else str(error)
    return str(error) if isinstance(error, ValueError | OmegaConfBaseException) else None


def refuse_bad_overrides(overrides: list[str], multirun: bool, config_name: str) -> None:
    """ValueError for an override that names nothing, with the nearest thing that exists."""
    options = groups()
    parsed = [parse(override) for override in overrides]
    for override in parsed:
        if override.is_sweep_override() and not multirun:
            raise ValueError(f"{override.input_line} names several values: add -m to run them all")
        if override.key_or_group in options:
            refuse_unknown_options(override, options[override.key_or_group])
    with initialize_config_dir(str(conf_folder()), version_base="1.3"):
        for cell in itertools.product(*(choices(override) for override in parsed)):
            chosen = [word for word, override in zip(cell, parsed, strict=True) if override.key_or_group in options]
            known = keys(compose(config_name, chosen))
            for override in parsed:
                if override.key_or_group not in options and not override.key_or_group.startswith(("hydra.", "hydra/")):
                    refuse_unknown_key(override, known, list(options))
            compose(config_name, list(cell))


def parse(override: str) -> Override:
    try:
        return OverridesParser.create().parse_override(override)
    except HydraException as error:
        raise ValueError(f"cannot read {override!r}: {str(error).splitlines()[0]}") from error


def refuse_unknown_options(override: Override, options: list[str]) -> None:
    values = list(override.sweep_string_iterator()) if override.is_sweep_override() else [override.value()]
    for value in values:
        for option in value if isinstance(value, list) else [value]:
            if option not in (None, "null", *options):
                group = override.key_or_group
                meant = suggestion(str(option), options)
                raise ValueError(f"{group}={option} does not exist{meant} (there are: {', '.join(options)})")


def refuse_unknown_key(override: Override, known: list[str], groups: list[str]) -> None:
    key = override.key_or_group
    if key in known:
        return
    parent = key.rpartition(".")[0]
    if override.is_add() and (parent in OPEN_MAPPINGS or f"{parent}._target_" in known):
        return
    raise ValueError(f"{key} is not a key of this configuration{suggestion(key, [*known, *groups])}")


def choices(override: Override) -> list[str]:
    """The override once for each value that it sweeps over."""
    if not override.is_sweep_override():
        return [str(override.input_line)]
    return [f"{override.get_key_element()}={value}" for value in override.sweep_string_iterator()]


def keys(node: Any, path: str = "") -> list[str]:
    """The dotted path of every node below a mapping."""
    found = []
    for key in node if OmegaConf.is_dict(node) else []:
        here = f"{path}.{key}" if path else str(key)
        found.append(here)
        if not OmegaConf.is_interpolation(node, key) and not OmegaConf.is_missing(node, key):
            found += keys(node[key], here)
    return found


class Ranking(Callback):
    """At the end of a sweep, a table of its jobs, best first; scores with unequal stamps are in separate tables."""

    def on_multirun_end(self, config: DictConfig, **_: Any) -> None:
        global exit_code
        folder = Path(config.hydra.sweep.dir)
        jobs = sorted((job_record(path) for path in folder.glob("*/status.json")), key=lambda job: job["number"])
        show_what_varies(jobs)
        failed = [job for job in jobs if job["state"] != "finished"]
        console = Console(highlight=False, soft_wrap=False)
        by_stamp: dict[str, list[dict[str, Any]]] = {}
        for job in jobs:
            if job["state"] == "finished" and job["score"] is not None:
                by_stamp.setdefault(job["stamp"], []).append(job)
        rows = []
        for group, ranked in enumerate(by_stamp.values()):
            ranked.sort(key=lambda job: job["score"], reverse=ranked[0]["mode"] == "max")
            console.print(ranking_table(ranked))
            rows += [{"group": group, "rank": rank, **job} for rank, job in enumerate(ranked, 1)]
        for job in failed:
            console.print(f"failed: {job['number']} {job['overrides']}: {job['error'].splitlines()[-1]}", style="red")
        rows += [{"group": "", "rank": "", **job} for job in failed]
        if rows:
            write_ranking(folder / "ranking.csv", rows)
            console.print(f"ranking: {shown(folder / 'ranking.csv')}", soft_wrap=True)
        exit_code = 1 if failed else 0


def job_record(status: Path) -> dict[str, Any]:
    """What a finished or failed job left behind: its overrides, its monitored score and the stamp of it."""
    folder = status.parent
    record = {"number": int(folder.name), "error": ""} | json.loads(status.read_text())
    best = best_evaluation(folder)
    if best is None:
        return record | {"monitor": "", "mode": "", "score": None, "images_seen": None, "stamp": ""}
    config = OmegaConf.load(folder / ".hydra" / "config.yaml")
    return record | {
        "monitor": config.metrics.monitor,
        "mode": config.metrics.mode,
        "score": best["scores"][config.metrics.monitor],
        "images_seen": best["images_seen"],
        "stamp": json.dumps(best["stamp"], sort_keys=True),
    }


def show_what_varies(jobs: list[dict[str, Any]]) -> None:
    """Reduce each job's overrides to those that not every job has."""
    common = set.intersection(*(set(job["overrides"]) for job in jobs)) if len(jobs) > 1 else set()
    for job in jobs:
        job["overrides"] = " ".join(word for word in job["overrides"] if word not in common)


def best_evaluation(folder: Path) -> dict[str, Any] | None:
    """The line of `metrics.jsonl` with the best monitored score."""
    lines = read_lines(folder / "metrics.jsonl")
    if not lines:
        return None
    config = OmegaConf.load(folder / ".hydra" / "config.yaml")
    choose = min if config.metrics.mode == "min" else max
    return choose(lines, key=lambda line: line["scores"][config.metrics.monitor])


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


def shown(path: Path) -> str:
    """A path as short as it can be typed from here."""
    try:
        return str(path.resolve().relative_to(Path.cwd()))
    except ValueError:
        return str(path)
