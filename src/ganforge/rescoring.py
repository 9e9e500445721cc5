"""A trained run scored again, with other counts, metrics or weights, and shown beside scores of the same stamp."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_type_hints

import torch
from omegaconf import DictConfig, OmegaConf
from rich.console import Console
from rich.progress import track
from torch import Tensor

from ganforge.arguments import fits, refuse_wrong_arguments, spelled
from ganforge.artifacts.checkpoints import Checkpoint, load_whole, newest
from ganforge.artifacts.records import append_line
from ganforge.build import OURS, create, has_scores, load, refuse_foreign_metrics, refuse_missing_labels
from ganforge.command import shown
from ganforge.comparison.runs import printable, read_evaluations
from ganforge.data.module import InMemoryData
from ganforge.evaluation import BLOCK, Evaluator
from ganforge.pretrained import from_pretrained
from ganforge.run import score_table, warn
from ganforge.stamps import RECORDS, best, comparable_to, differences, last, scored
from ganforge.stored import stored_config
from ganforge.systems.gan import GANModule
from ganforge.trust import refuse_untrusted_targets


@dataclass(frozen=True)
class Request:
    """What conf/evaluate.yaml asks for, but for the metrics and where files are."""

    run: Path
    checkpoint: Literal["best", "last"]
    weights: Literal["ema", "live"] | None
    images: int
    seed: int | None
    reference: Literal["held_out", "train"]
    against: Path | None
    device: Literal["auto", "cpu", "cuda"]


def requested(config: DictConfig) -> Request:
    """The request that a configuration makes; ValueError names a key whose value makes no sense."""
    if config.run is None:
        raise ValueError("say which run: run=<a run folder>")
    hints = get_type_hints(Request)
    for key, hint in hints.items():
        if not fits(config[key], hint):
            raise ValueError(f"{key}={config[key]} should be {spelled(hint)}")
    paths = {key: config[key] and Path(str(config[key])) for key in ("run", "against")}
    return Request(**{key: config[key] for key in hints} | paths)


def rescore(request: Request, config: DictConfig) -> None:
    """Score the run, show the scores, and add them to its records. ValueError, and nothing added, for a mistake."""
    device = chosen_device(request.device)
    run = run_config(request, config)
    weights = stored_weights(request, run.metrics.sample_from)
    others = [] if request.against is None else scored(request.against)
    data = loaded_data(run)
    system = system_with(weights, run, device)
    evaluator = evaluator_of(run, request)
    console = Console(highlight=False, markup=False)
    with console.status("looking at real images"):
        evaluator.prepare(data, device)
    stamp = printable(evaluator.stamp)
    beside, unequal = while_training(request.run, weights.images_seen, stamp)
    if request.against is not None:
        equal = comparable_to(others, stamp, request.against)
        rival = last(equal) if request.checkpoint == "last" else best(equal, run.metrics.monitor, run.metrics.mode)
        beside[f"{request.against.resolve().name}, {rival.images_seen:,}"] = rival.scores
    fakes = evaluator.features(watched(evaluator.fakes(system), request.images, console))
    with console.status("computing scores"):
        record = evaluator.record(weights.images_seen, evaluator.score(fakes))
    console.print(score_table(record, {f"now, {weights.images_seen:,}": record["scores"]} | beside))
    if unequal:
        console.print("the training's own scores measured something else:", *unequal, sep="\n  ")
    append_line(request.run / RECORDS, record | {"by": "evaluate"})
    console.print(f"added to {shown(request.run / RECORDS)}", soft_wrap=True)


def chosen_device(name: str) -> torch.device:
    """The device, where convolutions give the same bits every time from now on."""
    torch.backends.cudnn.deterministic = True
    there = torch.cuda.is_available()
    if name == "cuda" and not there:
        raise ValueError("device=cuda needs a CUDA GPU, and PyTorch finds none here. Use device=cpu")
    return torch.device("cuda" if there and name != "cpu" else "cpu")


def run_config(request: Request, config: DictConfig) -> DictConfig:
    """The run's own configuration with the metrics and places of `config`, without what only training needs."""
    if not (request.run / ".hydra" / "config.yaml").exists():
        raise ValueError(f"run={request.run}: no run is there (a run folder has .hydra/config.yaml)")
    run = stored_config(request.run)
    run.callbacks, run.logger, run.trainer = {}, {}, OmegaConf.masked_copy(run.trainer, list(OURS))
    run.paths.update({place: config.paths[place] for place in ("data", "outputs", "cache")})
    run.data.update(stated(config.data))
    if "metrics" in config:
        run.metrics = OmegaConf.to_container(config.metrics)  # its references are to the run, so they stay
    if not has_scores(run):
        raise ValueError("there is nothing to score with metrics=none: choose metrics=classifier, inception or mixture")
    run.metrics.update(stated({"images": request.images, "seed": request.seed, "sample_from": request.weights}))
    return run


def stated(values: Mapping[Any, Any]) -> dict[Any, Any]:
    return {key: value for key, value in values.items() if value is not None}


class Weights(NamedTuple):
    """A generator's state at a moment, and the file that it comes from."""

    source: Path
    images_seen: int
    state: dict[str, Tensor]


def stored_weights(request: Request, sample_from: str) -> Weights:
    """Those of the checkpoint; `generator.safetensors`, the averaged generator at its best, can stand for the best."""
    checkpoint = stored_checkpoint(request)
    if checkpoint is not None:
        player = "generator." if sample_from == "live" else "averaged_generator."
        state = {
            name.removeprefix(player): tensor
            for name, tensor in checkpoint.state["state_dict"].items()
            if name.startswith(player)
        }
        return Weights(checkpoint.path, checkpoint.images_seen, state)
    source = request.run / "generator.safetensors"
    if request.checkpoint == "last" or sample_from == "live" or not source.exists():
        raise ValueError(
            f"{request.run} has no {request.checkpoint} checkpoint. "
            "Without one, generator.safetensors there can be scored with checkpoint=best weights=ema"
        )
    generator = from_pretrained(source)
    if not isinstance(generator.facts.get("images_seen"), int):
        raise ValueError(f"{source} does not say how many images its generator has seen")
    return Weights(source, generator.facts["images_seen"], generator.network.state_dict())


def stored_checkpoint(request: Request) -> Checkpoint | None:
    """The best one, or the newest one that is whole."""
    folder = request.run / "checkpoints"
    if request.checkpoint == "last":
        return newest(folder, warn)
    path = folder / "best.ckpt"
    return Checkpoint(path, load_whole(path)) if path.exists() else None


def loaded_data(run: DictConfig) -> InMemoryData:
    """The run's data; all of its configuration is checked before any of it is used."""
    refuse_untrusted_targets(run)
    refuse_foreign_metrics(run)
    refuse_wrong_arguments(run.data, "data")
    data = create(run.data, "data")
    load(data, run)
    refuse_missing_labels(run, data)
    refuse_wrong_arguments(run)
    return data


def system_with(weights: Weights, run: DictConfig, device: torch.device) -> GANModule:
    """The run's system with one generator, the one that is scored; no memory is ever taken for anything else."""
    with torch.device("meta"):
        system: GANModule = create(run.system, "system")
    try:
        system.averaged_generator.load_state_dict(weights.state, assign=True)
    except RuntimeError as error:
        reason = str(error).splitlines()[-1].strip()
        raise ValueError(f"{weights.source} does not fit the configuration of the run: {reason}") from error
    del system.discriminator
    system.generator = system.averaged_generator
    dtype = next(system.generator.parameters()).dtype
    return system.to(device, dtype, memory_format=torch.channels_last)


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
    )


def watched(blocks: Iterable[Tensor], images: int, console: Console) -> Iterable[Tensor]:
    """The blocks of fakes, with a bar while they are drawn if someone is looking at the terminal."""
    total = math.ceil(images / BLOCK)
    return track(blocks, "scoring", total, console=console, transient=True, disable=not console.is_terminal)


def while_training(
    folder: Path, images_seen: int, stamp: dict[str, Any]
) -> tuple[dict[str, dict[str, float]], list[str]]:
    """The training's own scores of this moment as a column, or how their stamp differs; neither where it made none."""
    made = [one for one in read_evaluations(folder / RECORDS) if not one.by and one.images_seen == images_seen]
    if not made:
        return {}, []
    unequal = differences(stamp, made[-1].stamp, "while training")
    return {} if unequal else {"while training": made[-1].scores}, unequal
