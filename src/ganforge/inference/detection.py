"""Abnormal pictures: how abnormal each one is, and what it was compared with."""

import csv
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from omegaconf import DictConfig
from torch import Tensor

from ganforge.artifacts.checkpoints import load_whole
from ganforge.artifacts.folders import whole_folder
from ganforge.artifacts.images import grid, read_image, save_png, to_uint8
from ganforge.data.arrays import read_archive
from ganforge.data.folder import pictures
from ganforge.data.module import resized
from ganforge.detection.detectors import Inversion
from ganforge.inference.pictures import device_of, readable, refuse_other_devices, with_channels
from ganforge.inference.requests import refuse_unclear_network, typed
from ganforge.inference.translation import PAIRS_IN_A_ROW, png_names, tile
from ganforge.interfaces import to_unit_range
from ganforge.metrics.detection import auroc
from ganforge.pretrained import (
    BLOCK,
    DETECTOR_WEIGHTS,
    PretrainedDetector,
    PretrainedGenerator,
    discriminator_of,
    from_pretrained,
    known_as,
    weights_file,
)
from ganforge.process.terminal import warn, watched

COMPARED = 32
"""Pictures in comparison.png, the most abnormal ones."""


@dataclass(frozen=True)
class Request:
    """What conf/detect.yaml asks for."""

    run: str | None
    weights: str | None
    input: str | None
    output: str | None
    steps: int
    starts: int
    seed: int
    device: str


class Given(NamedTuple):
    """Images (N, C, H, W) uint8 with the names and, where they are known, the classes of each."""

    images: Tensor
    names: list[str]
    labels: Tensor | None


class Found(NamedTuple):
    """What was written, in words, the scores (N,) of all pictures in their order, and their labels if there are."""

    words: str
    scores: Tensor
    labels: Tensor | None


def requested(config: DictConfig) -> Request:
    """The request that a configuration makes; ValueError names a key whose value makes no sense."""
    request = typed(config, Request)
    refuse_unclear_network(request.run, request.weights)
    if request.input is None and request.run is None:
        raise ValueError("say what to look at: input=<a picture, a folder of pictures, or an .npz>")
    refuse_other_devices(request.device)
    for key, number in (("steps", request.steps), ("starts", request.starts)):
        if number < 1:
            raise ValueError(f"{key}={number} must be at least 1")
    return request


def chosen_detector(request: Request) -> PretrainedDetector:
    """That of the run or the file, or AnoGAN's inversion of its generator; ValueError where there is neither."""
    place = Path(request.run or request.weights or ".")
    beside = place / DETECTOR_WEIGHTS
    source = beside if beside.is_file() else weights_file(place)
    pretrained = from_pretrained(source)
    if isinstance(pretrained, PretrainedGenerator):
        pretrained = inverting(pretrained, source, request)
    if not isinstance(pretrained, PretrainedDetector):
        raise ValueError(f"{source} compares no pictures: detect with model=bigan, ganomaly or f_anogan, or with a GAN")
    if pretrained.image_shape[0] not in (1, 3):
        raise ValueError(f"{source} compares {pretrained.image_shape[0]} channels, and a picture has 1 or 3")
    return pretrained.to(device_of(request.device))


def inverting(generator: PretrainedGenerator, source: Path, request: Request) -> PretrainedDetector:
    """Schlegl et al. 2017, with the features of the run's discriminator where a checkpoint has it."""
    if generator.num_classes is not None:
        raise ValueError(
            f"{source} draws classes on demand, and has no one latent for a picture: train without condition="
        )
    discriminator, missing = stored_discriminator(generator, source.parent)
    if missing:
        warn(f"pictures are compared by their pixels alone: {missing}")
    starts = generator.latents(request.starts, request.seed)
    bounded = generator.latent.distribution == "uniform"
    network = Inversion(generator.network, discriminator, starts, bounded, steps=request.steps)
    return PretrainedDetector(network, generator.image_shape, generator.config, generator.facts)


def stored_discriminator(generator: PretrainedGenerator, run: Path) -> tuple[Any, str]:
    """The discriminator beside the generator at the same moment, or None and why there is none, in words."""
    moment = generator.facts.get("images_seen")
    for path in (run / "checkpoints" / f"{name}.ckpt" for name in ("last", "best", "previous")):
        try:
            state = load_whole(path) if path.is_file() else None
            if state is None or state["progress"]["images_seen"] != moment:
                continue
            tensors = with_prefix(state["state_dict"], "discriminator.")
            arguments = state["hyper_parameters"]["model"]["discriminator"]
            discriminator = discriminator_of(arguments, tensors, generator.image_shape)
        except (ValueError, LookupError, TypeError, AttributeError, RuntimeError) as error:
            return None, f"{path} has no discriminator of images ({str(error).splitlines()[0]})"
        if any(getattr(layer, "mixes_images", False) for layer in discriminator.modules()):
            return None, "the discriminator compares images with one another"
        return discriminator, ""
    return None, f"there is no checkpoint with the discriminator in {run}"


def with_prefix(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}


def output_folder(request: Request, outputs: Path) -> Path:
    """Named after the run or the file, and what was looked at."""
    name = known_as(weights_file(Path(request.run or request.weights or ".")))
    subject = "held_out" if request.input is None else Path(request.input).resolve().stem
    return Path(request.output or outputs / f"{name}_{subject}")


def detect(detector: PretrainedDetector, request: Request, folder: Path, own: Given | None = None) -> Found:
    """Fill `folder`: scores.csv, the most abnormal first, comparison.png, and in `reconstructions` what each picture
    was compared with. Looks at what the request names, or at `own`.

    What cannot be read is left out with a warning; ValueError, and nothing written, if that is everything.
    """
    given = Path(request.input or ".")
    if own is None and not given.is_dir() and given.suffix.lower() == ".npz":
        own = archived(given, detector.image_shape)
    if own is None and not given.exists():
        raise ValueError(f"input={given}: no such picture, folder or .npz")
    with whole_folder(folder) as unfinished:
        return written(detector, own or of_files(given, detector.image_shape), unfinished)


def of_files(given: Path, shape: tuple[int, ...]) -> Given:
    """A picture, or all below a folder that can be read, as small as the detector takes them."""
    if not given.is_dir():
        return Given(read_image(given, shape)[None], [f"{given.stem}.png"], None)
    files = pictures(given)
    names = png_names(files, given)
    with ThreadPoolExecutor() as pool:
        images = dict(readable(partial(read_image, shape=shape), files, BLOCK, pool, "reading"))
    if not images:
        raise ValueError(f"none of the {len(files):,} pictures in {given} can be read")
    return Given(torch.stack(list(images.values())), [names[file].as_posix() for file in images], None)


def archived(given: Path, shape: tuple[int, ...]) -> Given:
    images, labels = read_archive(given)
    names = [f"{number}.png" for number in range(len(images))]
    return Given(
        resized(with_channels(images, shape[0]), shape[-1]),
        names,
        None if labels is None else torch.from_numpy(labels.astype(np.int64)),
    )


def written(detector: PretrainedDetector, given: Given, folder: Path) -> Found:
    """Score the pictures a block at a time."""
    scores, compared = [], list[tuple[float, Tensor, Tensor]]()
    for start in watched(range(0, len(given.names), BLOCK), "comparing"):
        seen, names = given.images[start : start + BLOCK], given.names[start : start + BLOCK]
        found = detector.detect(to_unit_range(seen, torch.float32))
        made = to_uint8(found.reconstructions.float().cpu())
        for name, picture in zip(names, made, strict=True):
            save_png(folder / "reconstructions" / name, picture)
        scores.append(found.scores.cpu())
        compared += zip(scores[-1].tolist(), seen, made, strict=True)
        compared = sorted(compared, key=lambda entry: -entry[0])[:COMPARED]
    every = torch.cat(scores)
    write_scores(folder / "scores.csv", given, every)
    tiles = [tile(picture) for _, *pair in compared for picture in pair]
    save_png(folder / "comparison.png", grid(torch.stack(tiles), 2 * min(PAIRS_IN_A_ROW, len(compared))))
    count = "1 picture" if len(every) == 1 else f"{len(every):,} pictures"
    return Found(f"the scores of {count}, and what each was compared with,", every, given.labels)


def told_apart(detector: PretrainedDetector, found: Found) -> str | None:
    """How well pictures of classes that the detector has not learned are told from the others, where both are there."""
    normal = detector.config["data"].get("normal")
    if found.labels is None or normal is None:
        return None
    is_normal = torch.isin(found.labels, torch.tensor(normal))
    if is_normal.all() or not is_normal.any():
        return None
    return f"AUROC {auroc(found.scores[is_normal], found.scores[~is_normal]):.4f}, class {normal} being normal"


def write_scores(path: Path, given: Given, scores: Tensor) -> None:
    """A line for each picture, the most abnormal first."""
    labels = None if given.labels is None else given.labels.tolist()
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["picture", *([] if labels is None else ["label"]), "score"])
        for number in scores.argsort(descending=True, stable=True).tolist():
            label = [] if labels is None else [labels[number]]
            writer.writerow([given.names[number], *label, f"{scores[number].item():.6g}"])
