"""A trained run scored again, or any pictures in its place, and shown beside scores that measured the same."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_type_hints

import torch
from hydra.utils import get_object
from omegaconf import MISSING, DictConfig, OmegaConf
from rich.console import Console

from ganforge.artifacts.evaluations import (
    RESCORED,
    Evaluation,
    belongs_to_run,
    comparable,
    read_evaluations,
    short_names,
)
from ganforge.artifacts.images import is_points
from ganforge.artifacts.records import append_line, printable
from ganforge.configuration.arguments import fits, parameters, refuse_wrong_arguments, spelled
from ganforge.configuration.build import create, create_data, load
from ganforge.configuration.needs import has_scores, refuse_unmet_needs
from ganforge.configuration.trust import refuse_untrusted_targets
from ganforge.data.module import InMemoryData
from ganforge.launch.messages import shown
from ganforge.launch.stored import stored_config
from ganforge.process.terminal import watched
from ganforge.scoring.evaluator import BLOCK, Evaluator, Statistics, refuse_statistics
from ganforge.scoring.fakes import Fakes
from ganforge.scoring.stamps import best, comparable_to, differences, heading, last, nearest, records_of, scored
from ganforge.scoring.table import score_table
from ganforge.scoring.weights import Moment, sampler_with, stored_weights

NOTHING = (
    "there is nothing to score with metrics=none: choose metrics=classifier, self_supervised, inception or mixture"
)
COUNT = 50_000
"""Fakes of a run, as FIDs are usually published."""


@dataclass(frozen=True)
class Request:
    """What conf/evaluate.yaml asks for, but for the metrics and where files are."""

    run: Path | None
    fakes: Path | None
    checkpoint: Moment
    weights: Literal["ema", "live"] | None
    statistics: Statistics | None
    images: int | None
    seed: int | None
    reference: Literal["held_out", "train"]
    against: Path | None
    output: Path | None
    device: Literal["auto", "cpu", "cuda"]


def requested(config: DictConfig) -> Request:
    """The request that a configuration makes; ValueError names a key whose value makes no sense."""
    if config.run is None and config.fakes is None:
        raise ValueError("say which run: run=<a run folder>, or which pictures: fakes=<a folder or an .npz>")
    hints = get_type_hints(Request)
    for key, hint in hints.items():
        if not fits(config[key], hint):
            raise ValueError(f"{key}={config[key]} should be {spelled(hint)}")
    paths = {
        key: None if config[key] is None else Path(str(config[key])) for key in ("run", "fakes", "against", "output")
    }
    request = Request(**{key: config[key] for key in hints} | paths)
    if request.fakes is not None:
        refuse_other_records(request.output or records_of(request.fakes))
        for key in ("weights", "statistics"):
            if config[key] is not None:
                raise ValueError(f"{key}= are a run's, and fakes= have none: leave it out")
    elif request.output is not None:
        raise ValueError("output= is for fakes=: the scores of a run are added to its own metrics.jsonl")
    return request


def refuse_other_records(records: Path) -> None:
    """ValueError where scores of fakes would change a file that is not for them."""
    if records.suffix != ".jsonl" or records.is_dir():
        raise ValueError(
            f"output={records} should be a file whose name ends in .jsonl: scores are added to it as lines"
        )
    if belongs_to_run(records):
        raise ValueError(f"{records} has the scores of a run: name another file with output=, such as fakes.jsonl")


def rescore(request: Request, config: DictConfig) -> None:
    """Score a run or fakes, show the scores, and add them to the records of what was scored.

    ValueError, and nothing added, for a mistake.
    """
    if request.fakes is None:
        assert request.run is not None
        score_run(request, request.run, config)
    else:
        score_fakes(request, request.fakes, config)


def score_run(request: Request, folder: Path, config: DictConfig) -> None:
    device = chosen_device(request.device)
    run = run_config(request, folder, config)
    weights = stored_weights(folder, request.checkpoint, run)
    others = [] if request.against is None else scored(request.against)
    data = loaded_data(run)
    sampler = sampler_with(weights, run, device)
    refuse_statistics(statistics_of(run), sampler)
    evaluator, console = prepared(run, request, data, device, sampler)
    stamp = printable(evaluator.stamp)
    beside, unequal = while_training(folder, weights.images_seen, stamp)
    names = short_names([] if request.against is None else [request.against])
    beside |= rival(request.against, others, stamp, request, run.metrics, names)
    numbers = evaluator.numbers()
    fakes = evaluator.features(watched(evaluator.fakes(sampler, numbers), "scoring", len(numbers)), numbers)
    record = evaluator.record(weights.images_seen, evaluator.score(fakes))
    console.print(score_table(record, {f"now, {weights.images_seen:,}": record["scores"]} | beside))
    add(record, records_of(folder), "the training's own", unequal, console)


def score_fakes(request: Request, path: Path, config: DictConfig) -> None:
    """Pictures that any tool has drawn, in the place of a run's generator; the run, if there is one, beside them."""
    device = chosen_device(request.device)
    fakes = Fakes(path, request.images, request.seed or 0)
    conditions = chosen_conditions(config) if request.run is None else run_config(request, request.run, config)
    conditions.metrics.images = fakes.count
    others = [] if request.against is None else scored(request.against)
    data = loaded_data(conditions)
    shape = tuple(data.train_split.images.shape[1:])
    if is_points(data.train_split.images):
        raise ValueError(f"fakes= are pictures, and {data.name} has points")
    evaluator, console = prepared(conditions, request, data, device)
    stamp = printable(fakes.stamp(evaluator.stamp))
    names = short_names(subject for subject in (path, request.run, request.against) if subject is not None)
    beside = rival(request.against, others, stamp, request, conditions.metrics, names)
    own = [] if request.run is None else list(read_evaluations(records_of(request.run)))
    equal = [one for one in own if comparable(one.stamp, stamp)]
    beside |= rival(request.run, equal, stamp, request, conditions.metrics, names)
    unequal = [] if equal or not own else nearest(own, stamp, "there")
    blocks = watched((block.to(device) for block in fakes.blocks(shape)), "scoring", math.ceil(fakes.count / BLOCK))
    scores = evaluator.score(evaluator.features(blocks))
    record = evaluator.record(0, scores) | {"stamp": fakes.stamp(evaluator.stamp)}
    console.print(score_table(record, {names[path]: scores} | beside))
    add(record, request.output or records_of(path), "the run's own", unequal, console)


def prepared(
    run: DictConfig, request: Request, data: InMemoryData, device: torch.device, sampler: Any = None
) -> tuple[Evaluator, Console]:
    evaluator, console = evaluator_of(run, request), Console(highlight=False, markup=False)
    with console.status("looking at real images"):
        evaluator.prepare(data, device, sampler)
    return evaluator, console


def rival(
    folder: Path | None,
    evaluations: list[Evaluation],
    stamp: dict[str, Any],
    request: Request,
    metrics: DictConfig,
    names: Mapping[Path, str],
) -> dict[str, dict[str, float]]:
    """A column of scores that may stand beside those with `stamp`; ValueError where there are only others."""
    if folder is None or not evaluations:
        return {}
    equal = comparable_to(evaluations, stamp, folder)
    chosen = last(equal) if request.checkpoint == "last" else best(equal, metrics.monitor, metrics.mode)
    return {heading(names[folder], chosen): chosen.scores}


def add(record: dict[str, Any], records: Path, whose: str, unequal: list[str], console: Console) -> None:
    if unequal:
        console.print(f"{whose} scores measured something else:", *unequal, sep="\n  ")
    append_line(records, record | {"by": RESCORED})
    console.print(f"added to {shown(records)}", soft_wrap=True)


def chosen_device(name: str) -> torch.device:
    """The device, where convolutions give the same bits every time from now on."""
    torch.backends.cudnn.deterministic = True
    there = torch.cuda.is_available()
    if name == "cuda" and not there:
        raise ValueError("device=cuda needs a CUDA GPU, and PyTorch finds none here. Use device=cpu")
    return torch.device("cuda" if there and name != "cpu" else "cpu")


def run_config(request: Request, folder: Path, config: DictConfig) -> DictConfig:
    """The run's own configuration with the metrics and places of `config`, without what only training needs."""
    if not (folder / ".hydra" / "config.yaml").exists():
        raise ValueError(f"run={folder}: no run is there (a run folder has .hydra/config.yaml)")
    if "_target_" in config.data:
        raise ValueError("a run has data of its own: leave data= out, or run=")
    run = stored_config(folder)
    run.callbacks, run.logger, run.trainer = {}, {}, {}
    run.paths.update({place: config.paths[place] for place in ("data", "outputs", "cache")})
    run.data.update(stated(config.data))
    if "metrics" in config:
        run.metrics = OmegaConf.to_container(config.metrics)  # its references are to the run, so they stay
    if not has_scores(run):
        raise ValueError(NOTHING)
    run.metrics.update(
        stated(
            {
                "images": request.images or COUNT,
                "seed": request.seed,
                "sample_from": request.weights,
                "statistics": request.statistics,
            }
        )
    )
    return run


def chosen_conditions(config: DictConfig) -> DictConfig:
    """Data and metrics of conf/, where there is no run that has them."""
    if "_target_" not in config.data:
        raise ValueError("say what the fakes should look like: data=<as in training>, or run=<a run folder>")
    if "metrics" not in config:
        raise ValueError("say which scores: metrics=<as in training>, such as metrics=inception")
    if not has_scores(config):
        raise ValueError(NOTHING)
    conditions = OmegaConf.masked_copy(config, ["seed", "view", "data", "metrics", "paths"])
    OmegaConf.set_struct(conditions, False)
    conditions.seed = 0
    refuse_untrusted_targets(conditions)
    takes = parameters(get_object(conditions.data._target_))
    for place in ("root", "path", "sources"):  # of any data, so some data has none of them
        if conditions.data[place] is None:
            del conditions.data[place]
            if place in takes and place != "sources":
                conditions.data[place] = MISSING
    conditions.data.batch_size = 1
    return conditions


def stated(values: Mapping[Any, Any]) -> dict[Any, Any]:
    return {key: value for key, value in values.items() if value is not None}


def loaded_data(run: DictConfig) -> InMemoryData:
    """The run's data; all of its configuration is checked before any of it is used."""
    refuse_untrusted_targets(run)
    data = create_data(run)
    load(data, run)
    refuse_unmet_needs(run, data)
    refuse_wrong_arguments(run)
    return data


def evaluator_of(run: DictConfig, request: Request) -> Evaluator:
    return Evaluator(
        extractor=create(run.metrics.extractor, "metrics.extractor"),
        scores=create(run.metrics.scores, "metrics.scores"),
        images=run.metrics.images,
        seed=run.metrics.seed,
        sample_from=run.metrics.sample_from,
        monitor=run.metrics.monitor,
        cache=run.paths.cache,
        reference=request.reference,
        statistics=statistics_of(run),
    )


def statistics_of(run: DictConfig) -> Statistics:
    """The choice of a run; the oldest runs had none."""
    chosen: Statistics = run.metrics.get("statistics", "running")
    return chosen


def while_training(
    folder: Path, images_seen: int, stamp: dict[str, Any]
) -> tuple[dict[str, dict[str, float]], list[str]]:
    """The training's own scores of this moment as a column, or how their stamp differs; neither where it made none."""
    made = [one for one in read_evaluations(records_of(folder)) if not one.by and one.images_seen == images_seen]
    if not made:
        return {}, []
    unequal = differences(stamp, made[-1].stamp, "while training")
    return {} if unequal else {"while training": made[-1].scores}, unequal
