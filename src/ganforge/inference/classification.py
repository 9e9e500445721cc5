"""Pictures that a finished classifier classifies: a single one, all below a folder, or the images of an archive."""

import csv
import io
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from omegaconf import DictConfig
from torch import Tensor

from ganforge.artifacts.files import replacing
from ganforge.artifacts.images import read_image
from ganforge.artifacts.records import printable
from ganforge.data.arrays import read_archive
from ganforge.data.folder import pictures
from ganforge.data.module import resized
from ganforge.inference.pictures import device_of, output_file, readable, refuse_other_devices, with_channels
from ganforge.inference.requests import refuse_unclear_network, typed
from ganforge.interfaces import to_unit_range
from ganforge.pretrained import PretrainedClassifier, classifier_file, from_pretrained, known_as
from ganforge.process.terminal import watched

BLOCK = 256
"""Pictures that are in memory at once."""


@dataclass(frozen=True)
class Request:
    """What conf/classify.yaml asks for."""

    run: str | None
    weights: str | None
    input: str | None
    output: str | None
    device: str


@dataclass(frozen=True)
class Answer:
    """A row of the table: where the picture is, its probabilities (K,), and the label that it came with."""

    place: str
    probabilities: Tensor
    given: int | None = None

    @property
    def label(self) -> int:
        return int(self.probabilities.argmax())


def requested(config: DictConfig) -> Request:
    """The request that a configuration makes; ValueError names a key whose value makes no sense."""
    request = typed(config, Request)
    refuse_unclear_network(request.run, request.weights)
    if request.input is None:
        raise ValueError("say what to classify: input=<a picture, a folder of pictures, or an .npz>")
    refuse_other_devices(request.device)
    return request


def classify(request: Request, outputs: Path) -> tuple[Path, str]:
    """Write the table that `request` asks for, by default below `outputs`; returns where it is and what it says.

    ValueError, and nothing written, where the request does not suit the network.
    """
    source = classifier_file(Path(request.run or request.weights or "."))
    classifier = classifying(from_pretrained(source), source)
    classifier.to(device_of(request.device))
    given = Path(request.input or ".")
    if not given.exists():
        raise ValueError(f"input={given}: no such picture, folder or .npz")
    file = output_file(request.output, outputs / known_as(source), given.resolve(), ".csv")
    answers = list(answered(classifier, given))
    if not answers:
        raise ValueError(f"none of the pictures in {given} could be read")
    with replacing(file) as opened:
        opened.write(table(answers, classifier.class_names).encode("utf-8", "surrogateescape"))
    return file, summary(answers)


def classifying(pretrained: Any, source: Path) -> PretrainedClassifier:
    if not isinstance(pretrained, PretrainedClassifier):
        raise ValueError(f"{source} does not classify: that is what system=semi_supervised leaves")
    if pretrained.image_shape[0] not in (1, 3):
        raise ValueError(f"{source} takes {pretrained.image_shape[0]} channels, and a picture has 1 or 3")
    return pretrained


def answered(classifier: PretrainedClassifier, given: Path) -> Iterator[Answer]:
    """For a picture, for each of a folder that can be read, or for each image of an archive."""
    read = partial(read_image, shape=classifier.image_shape)
    if given.is_dir():
        with ThreadPoolExecutor() as pool:
            found = readable(read, pictures(given), BLOCK, pool, "classifying")
            yield from in_blocks(classifier, ((file.relative_to(given).as_posix(), picture) for file, picture in found))
    elif given.suffix.lower() == ".npz":
        yield from of_archive(classifier, *read_archive(given))
    else:
        yield from in_blocks(classifier, [(given.name, read(given))])


def in_blocks(classifier: PretrainedClassifier, found: Iterable[tuple[str, Tensor]]) -> Iterator[Answer]:
    waiting: list[tuple[str, Tensor]] = []

    def done() -> Iterator[Answer]:
        if waiting:
            places, images = zip(*waiting, strict=True)
            waiting.clear()
            yield from map(Answer, places, probabilities(classifier, torch.stack(images)))

    for one in found:
        waiting.append(one)
        if len(waiting) == BLOCK:
            yield from done()
    yield from done()


def of_archive(classifier: PretrainedClassifier, images: np.ndarray, labels: np.ndarray | None) -> Iterator[Answer]:
    """The place of an image is its number."""
    channels, size, _ = classifier.image_shape
    for start in watched(range(0, len(images), BLOCK), "classifying"):
        block = resized(with_channels(images[start : start + BLOCK], channels), size)
        for number, answer in enumerate(probabilities(classifier, block), start):
            yield Answer(str(number), answer, None if labels is None else int(labels[number]))


def probabilities(classifier: PretrainedClassifier, images: Tensor) -> Tensor:
    """(B, K) for images (B, C, H, W) uint8 of the size that the classifier takes."""
    return classifier.classify(to_unit_range(images, torch.float32)).cpu()


def table(answers: list[Answer], names: list[str] | None) -> str:
    """CSV with a row for each picture: file, label, its name if classes have names, the probability of each class."""
    labelled = answers[0].given is not None
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    classes = range(len(answers[0].probabilities))
    rows.writerow(
        ["file", "label", *["name"] * (names is not None), *["given_label"] * labelled]
        + [f"probability_{number}" for number in classes]
    )
    for answer in answers:
        name = [] if names is None else [printable(names[answer.label])]
        given = [answer.given] if labelled else []
        rows.writerow([answer.place, answer.label, *name, *given, *(f"{p:.6f}" for p in answer.probabilities.tolist())])
    return text.getvalue()


def summary(answers: list[Answer]) -> str:
    count = f"{len(answers):,} picture{'s' if len(answers) > 1 else ''}"
    if answers[0].given is None:
        return f"the classes of {count}"
    wrong = sum(answer.label != answer.given for answer in answers)
    return f"the classes of {count}, {wrong:,} ({wrong / len(answers):.2%}) of them not the given label,"
