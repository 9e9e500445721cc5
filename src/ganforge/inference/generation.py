"""What a finished generator draws: images, grids and a loop through its latents; or the latent behind an image."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from omegaconf import DictConfig
from torch import Tensor

from ganforge.artifacts.files import replacing
from ganforge.artifacts.folders import whole_folder
from ganforge.artifacts.images import enlarged, grid, read_image, save_animation, save_png, to_uint8
from ganforge.artifacts.tensors import save_tensors
from ganforge.inference.directions import COLUMNS, PLACES, SAMPLES, principal_components, steepest, traverses
from ganforge.inference.interpolation import WAYS, loop
from ganforge.inference.projection import STARTS, STEPS, project
from ganforge.inference.requests import refuse_unclear_network, typed
from ganforge.inference.styles import SPACES, has_styles, mixing_table, seen_from, styles_of
from ganforge.pretrained import (
    BLOCK,
    Pretrained,
    PretrainedDetector,
    PretrainedGenerator,
    PretrainedTranslator,
    from_pretrained,
    known_as,
    weights_file,
)
from ganforge.process.terminal import watched

GRID = 64
MIXING_ROWS, MIXING_COLUMNS = 4, 7
CLASS_ROWS, CLASS_COLUMNS = 64, 8
LOOP_LATENTS, LOOP_STEPS = 6, 16


@dataclass(frozen=True)
class Request:
    """What conf/generate.yaml asks for."""

    run: str | None
    weights: str | None
    count: int
    first: int
    seed: int
    truncation: float | None
    labels: list[int] | None
    project: str | None
    output: str | None
    standing: bool = False
    psi: float | None = None
    space: str | None = None
    interpolation: str | None = None
    directions: int = 0


def requested(config: DictConfig) -> Request:
    """The request that a configuration makes; ValueError names a key whose value makes no sense."""
    labels = config.labels
    request = typed(config, Request, labels=[labels] if isinstance(labels, int) else labels)
    refuse_unclear_network(request.run, request.weights, "generator")
    if request.count < 1 or request.first < 0:
        raise ValueError(f"count={request.count} must be at least 1, and first={request.first} at least 0")
    if request.directions < 0:
        raise ValueError(f"directions={request.directions} must not be negative")
    for key, value, known in (("space", request.space, SPACES), ("interpolation", request.interpolation, WAYS)):
        if value is not None and value not in known:
            raise ValueError(f"{key}={value} should be {' or '.join(known)}")
    return request


def generate(request: Request, outputs: Path) -> tuple[Path, str]:
    """Fill `request.output`, or a new folder below `outputs`; returns the folder and what is in it, in words.

    ValueError, and nothing written, where the request does not suit the generator.
    """
    source = weights_file(Path(request.run or request.weights or "."))
    generator = drawing(from_pretrained(source), source)
    if not draws_points(generator) and generator.image_shape[0] not in (1, 3):
        raise ValueError(f"{source} draws {generator.image_shape[0]} channels, and a picture has 1 or 3")
    refuse_unknown_labels(generator, request.labels)
    if request.standing:
        generator = generator.standing(request.truncation)
    if not has_styles(generator) and (request.psi is not None or request.space == "w"):
        raise ValueError("psi= and space=w are for generators with styles, such as model=stylegan2: leave them out")
    if request.psi is not None:
        generator.network.psi = request.psi  # type: ignore[assignment]
    folder = output_folder(request, source, outputs)
    write = write_points if draws_points(generator) else write_images
    with whole_folder(folder) as unfinished:
        if request.project is not None:
            return folder, write_projection(generator, request, Path(request.project), unfinished)
        return folder, write(generator, request, unfinished)


def drawing(pretrained: Pretrained, source: Path) -> PretrainedGenerator:
    if isinstance(pretrained, PretrainedGenerator):
        return pretrained
    if isinstance(pretrained, PretrainedTranslator):
        raise ValueError(f"{source} translates pictures and draws none: use src/translate.py with input=")
    if isinstance(pretrained, PretrainedDetector):
        raise ValueError(f"{source} tells abnormal pictures and draws none: use src/detect.py with input=")
    raise ValueError(f"{source} encodes images and draws none: use generator.safetensors, which lies beside it")


def refuse_unknown_labels(generator: PretrainedGenerator, labels: list[int] | None) -> None:
    if labels is None:
        return
    classes = generator.num_classes
    if classes is None:
        raise ValueError("labels= is for generators that learned classes, and this one did not: leave it out")
    if not labels or not all(0 <= label < classes for label in labels):
        raise ValueError(f"labels={labels} should be some of this generator's classes: 0 to {classes - 1}")


def output_folder(request: Request, source: Path, outputs: Path) -> Path:
    """Where to write: named after the run or the file, and the seed."""
    subject = "" if request.project is None else f"_{Path(request.project).stem}"
    return Path(request.output or outputs / f"{known_as(source)}_seed_{request.seed}{subject}")


def write_images(generator: PretrainedGenerator, request: Request, folder: Path) -> str:
    """Each image as a PNG named by its number, in a folder for each class where there are any; grids; the loop."""
    pictured: list[Tensor] = []
    with ThreadPoolExecutor() as pool:  # most of a small file's time is waiting for the disk
        for numbers, images in drawn(generator, request):
            files = [folder / "images" / file_name(generator, request, number) for number in numbers]
            list(pool.map(save_png, files, to_uint8(images)))
            pictured += images[: GRID - len(pictured)]
    save_png(folder / "grid.png", grid(torch.stack(pictured)))
    if generator.num_classes is not None:
        save_png(folder / "classes.png", class_grid(generator, request))
    if generator.latent.codes is not None:
        save_png(folder / "codes.png", code_grid(generator, request))
    if has_styles(generator):
        save_png(folder / "mixing.png", style_mixing(generator, request))
    if request.directions:
        save_png(folder / "directions.png", direction_grid(generator, request))
    frames = enlarged(to_uint8(loop_frames(generator, request)))
    save_animation(folder / "interpolation.gif", frames)
    save_animation(folder / "interpolation.png", frames)
    return f"{request.count:,} images, grids and a loop through the latents"


def write_points(generator: PretrainedGenerator, request: Request, folder: Path) -> str:
    """Points have no pixels: a table of their coordinates and a scatter plot stand for PNGs and the loop."""
    points = torch.cat([points for _, points in drawn(generator, request)])
    with replacing(folder / "points.csv") as file:
        np.savetxt(file, points.flatten(1).numpy(), "%.9g", ",", header="x,y", comments="")
    save_png(folder / "grid.png", grid(points))
    return f"{request.count:,} points as a table and a scatter plot"


def write_projection(generator: PretrainedGenerator, request: Request, picture: Path, folder: Path) -> str:
    """The latent that comes nearest to a picture, and the picture beside what the generator makes of that latent."""
    if draws_points(generator):
        raise ValueError("project= needs a generator of images, and this one draws points")
    target = read_image(picture, generator.image_shape)
    starts = range(max(STARTS, len(classes_of(generator, request))))
    z, labels = generator.latents(len(starts), request.seed, request.truncation), labels_of(generator, request, starts)
    space = space_of(generator, request)
    drawer, points, labels = seen_from(space, generator, z, labels)
    found = project(drawer, target / 127.5 - 1, points, labels, watched(range(STEPS), "projecting"))
    tensors = {space: found.z} | ({} if found.label is None else {"label": found.label})
    save_tensors(folder / "latent.safetensors", tensors)
    save_png(folder / "projection.png", grid(enlarged(torch.stack([target, to_uint8(found.image[0])])), columns=2))
    return f"the latent of {picture}, and the image that it gives (PSNR {found.psnr:.1f} dB),"


def drawn(generator: PretrainedGenerator, request: Request) -> Iterator[tuple[range, Tensor]]:
    """The numbers and images asked for, BLOCK at a time, so that no more are ever in memory."""
    numbers = range(request.first, request.first + request.count)
    for start in watched(range(0, request.count, BLOCK), "drawing"):
        block = numbers[start : start + BLOCK]
        labels = labels_of(generator, request, block)
        yield block, generator.sample(len(block), request.seed, request.truncation, labels, block.start)


def class_grid(generator: PretrainedGenerator, request: Request) -> Tensor:
    """A row for each class asked for (the first CLASS_ROWS of them), a column for each of the same latents."""
    classes = torch.tensor(sorted(set(classes_of(generator, request)))[:CLASS_ROWS])
    latents = generator.latents(CLASS_COLUMNS, request.seed, request.truncation, request.first)
    images = generator.images_from(latents.repeat(len(classes), 1), classes.repeat_interleave(CLASS_COLUMNS))
    return grid(images, CLASS_COLUMNS)


def code_grid(generator: PretrainedGenerator, request: Request) -> Tensor:
    """What each code of the latents does, as `Latent.traverse` says; where there are classes, in the first."""
    latents = generator.latents(CLASS_COLUMNS, request.seed, request.truncation, request.first)
    ways = generator.latent.traverse(latents).flatten(0, 1)
    return grid(generator.images_from(ways, labels_of(generator, request, [request.first] * len(ways))), CLASS_COLUMNS)


def loop_frames(generator: PretrainedGenerator, request: Request) -> Tensor:
    """The way through the first latents of the request and back; where there are classes, all of it in the first.

    Codes in the latents are those of the first as well.
    """
    space = space_of(generator, request)
    latents = generator.latents(LOOP_LATENTS, request.seed, request.truncation, request.first)
    drawer, points, label = seen_from(space, generator, latents, one_class(generator, request, len(latents)))
    noise = generator.latent.noise_dim if space == "z" else points.shape[1]
    way = loop(points[:, :noise], LOOP_STEPS, request.interpolation or ("straight" if space == "w" else "sphere"))
    way = torch.cat([way, points[:1, noise:].expand(len(way), *points[:1, noise:].shape[1:])], 1)
    return drawer.images_from(way, None if label is None else label[:1].expand(len(way)))


def style_mixing(generator: PretrainedGenerator, request: Request) -> Tensor:
    """The first latents of the request in the rows, those after them in the columns."""
    latents = generator.latents(MIXING_ROWS + MIXING_COLUMNS, request.seed, request.truncation, request.first)
    labels = labels_of(generator, request, range(request.first, request.first + len(latents)))
    styles = styles_of(generator, latents, labels)
    return mixing_table(generator, styles[:MIXING_ROWS], styles[MIXING_ROWS:])


def direction_grid(generator: PretrainedGenerator, request: Request) -> Tensor:
    """A row for each of the directions in which images change the most, through the first latent of the request."""
    space = space_of(generator, request)
    count = SAMPLES if space == "w" else PLACES
    latents = generator.latents(count, request.seed, request.truncation, request.first)
    drawer, points, label = seen_from(space, generator, latents, one_class(generator, request, count))
    if space == "w":
        found = principal_components(points, request.directions)
    else:
        found = steepest(drawer, points, label, request.directions)
    ways = traverses(points[0], *found)
    images = drawer.images_from(ways.flatten(0, 1), None if label is None else label[:1].expand(ways[..., 0].numel()))
    return grid(images, COLUMNS)


def space_of(generator: PretrainedGenerator, request: Request) -> str:
    return request.space or ("w" if has_styles(generator) else "z")


def one_class(generator: PretrainedGenerator, request: Request, count: int) -> Tensor | None:
    """The class of the first image of the request, `count` times."""
    return labels_of(generator, request, [request.first] * count)


def classes_of(generator: PretrainedGenerator, request: Request) -> Sequence[int]:
    """The classes that images take in turn; none for a generator without classes."""
    return request.labels or range(generator.num_classes or 0)


def labels_of(generator: PretrainedGenerator, request: Request, numbers: Sequence[int]) -> Tensor | None:
    """The label of each number, a function of the number alone."""
    classes = classes_of(generator, request)
    return torch.tensor([classes[number % len(classes)] for number in numbers]) if classes else None


def file_name(generator: PretrainedGenerator, request: Request, number: int) -> str:
    """`000012.png`, below its class where there are any, with zeros so that data=folder numbers the classes alike."""
    if generator.num_classes is None:
        return f"{number:06d}.png"
    classes = classes_of(generator, request)
    return f"{classes[number % len(classes)]:0{len(str(generator.num_classes - 1))}d}/{number:06d}.png"


def draws_points(generator: PretrainedGenerator) -> bool:
    return generator.image_shape == (2, 1, 1)
