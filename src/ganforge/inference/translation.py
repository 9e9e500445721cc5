"""Pictures that a finished network translates: a single one, all below a folder, or the images of an archive."""

import re
import zipfile
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from omegaconf import DictConfig
from torch import Tensor
from torch.nn import functional as F

from ganforge.artifacts.files import replacing
from ganforge.artifacts.folders import whole_folder
from ganforge.artifacts.images import grid, read_image, read_whole_image, save_png, to_uint8
from ganforge.data.arrays import read_archive
from ganforge.data.folder import pictures
from ganforge.data.module import resized
from ganforge.data.views import View
from ganforge.inference.pictures import device_of, output_file, readable, refuse_other_devices, with_channels
from ganforge.inference.requests import checked_direction, refuse_unclear_network, typed
from ganforge.interfaces import to_unit_range
from ganforge.pretrained import (
    Pretrained,
    PretrainedClassifier,
    PretrainedDetector,
    PretrainedEncoder,
    PretrainedTranslator,
    from_pretrained,
    known_as,
    weights_file,
)
from ganforge.process.terminal import warn, watched

VIEWS = {f"{view.__module__}.{view.__name__}": view for view in View.__subclasses__()}
"""Those that a file of weights may name."""
WAITING = 8
"""Batches of pictures that wait in memory for others of their size."""
EVERY_DOMAIN = "all"
COMPARED, PAIRS_IN_A_ROW, TILE = 16, 4, 128
"""Pictures in comparison.png, and the pixels along the side of each."""


@dataclass(frozen=True)
class Request:
    """What conf/translate.yaml asks for."""

    run: str | None
    weights: str | None
    input: str | None
    output: str | None
    direction: str | None
    apply_view: bool
    size: int | None
    batch_size: int
    tile: int | None
    seed: int
    device: str
    target: str | None = None


def requested(config: DictConfig) -> Request:
    """The request that a configuration makes; ValueError names a key whose value makes no sense."""
    request = typed(config, Request)
    refuse_unclear_network(request.run, request.weights)
    if request.input is None:
        raise ValueError("say what to translate: input=<a picture, a folder of pictures, or an .npz>")
    checked_direction(request.direction)
    refuse_other_devices(request.device)
    for key, number in (("batch_size", request.batch_size), ("size", request.size), ("tile", request.tile)):
        if number is not None and number < 1:
            raise ValueError(f"{key}={number} must be at least 1")
    return request


@dataclass(frozen=True)
class Translation:
    """A network with the way from a picture to what it takes: uint8 in, uint8 out."""

    translator: PretrainedTranslator
    view: View | None
    channels: int
    """Of pictures, before they are looked at through the view."""
    size: int | None
    batch_size: int
    seed: int
    tile: int | None = None
    targets: tuple[str | None, ...] = (None,)
    """What each source is translated to: domains, or None for a network without."""

    @property
    def folders(self) -> list[str]:
        """Where translations to each target go, among others: below its name as far as that can be a folder's."""
        if len(self.targets) == 1:
            return ["."]
        names = [re.sub(r"[^\w.-]+", "_", str(target)).strip("._") for target in self.targets]
        plain = all(names) and len({name.casefold() for name in names}) == len(names)
        return names if plain else [str(number) for number in range(len(names))]

    def read(self, path: Path) -> Tensor:
        """The source (C', H, W) that a picture is, or that the view makes of it."""
        if self.size is None:
            picture = read_whole_image(path, self.channels)
        else:
            picture = read_image(path, (self.channels, self.size, self.size))
        try:
            return self.viewed(picture[None])[0]
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from error

    def viewed(self, images: Tensor) -> Tensor:
        """ValueError where images of this size have no such view."""
        if self.view is None:
            return images
        try:
            for side in images.shape[-2:]:
                self.view.refuse_size(side)
            return self.view(images)
        except (ValueError, TypeError, RuntimeError) as error:
            raise ValueError(f"{error}; size= makes it fit") from error

    def __call__(self, sources: Tensor, target: str | None = None) -> Tensor:
        """Sources (B, C', H, W) -> images (B, C, H, W); ValueError where memory does not suffice."""
        try:
            unit = to_unit_range(sources, torch.float32)
            images = self.translator.translate(unit, self.seed, self.batch_size, target, self.tile)
            return to_uint8(images.cpu())
        except (RuntimeError, MemoryError) as error:
            if isinstance(error, MemoryError) or "memory" in str(error):
                height, width = sources.shape[-2:]
                advice = (
                    "size= makes them fewer" if not self.translator.has_tiles else "tile= makes it in smaller parts"
                )
                raise ValueError(f"not enough memory for {width}x{height} pixels: {advice}") from error
            raise

    def together(self, source: Tensor) -> int:
        height, width = source.shape[-2:]
        return self.translator.together(height, width, self.batch_size)


def translate(request: Request, outputs: Path) -> tuple[Path, str]:
    """Write what `request` asks for, by default below `outputs`; returns where it is and what it is, in words.

    ValueError, and nothing written, where the request does not suit the network.
    """
    direction = checked_direction(request.direction)
    weights = weights_file(Path(request.run or request.weights or "."), direction)
    translator = translating(from_pretrained(weights, direction), weights)
    translation = prepared(translator, request, weights)
    place, given = outputs / run_name(translator, weights), Path(request.input or ".")
    if given.is_dir():
        folder = Path(request.output or place.with_name(f"{place.name}_{given.resolve().name}"))
        return folder, translate_pictures(translation, pictures(given), given, folder)
    if not given.is_file():
        raise ValueError(f"input={given}: no such picture, folder or .npz")
    if given.suffix.lower() == ".npz":
        file = output_file(request.output, place, given, ".npz")
        return file, translate_archive(translation, given, file)
    source = translation.read(given)
    if len(translation.targets) > 1:
        folder = Path(request.output or place.with_name(f"{place.name}_{given.stem}"))
        return folder, translate_pictures(translation, [given], given.parent, folder)
    file = output_file(request.output, place, given, ".png")
    save_png(file, translation(source[None], translation.targets[0])[0])
    return file, "the translation"


def translating(pretrained: Pretrained, source: Path) -> PretrainedTranslator:
    if isinstance(pretrained, PretrainedTranslator):
        return pretrained
    if isinstance(pretrained, PretrainedDetector):
        raise ValueError(f"{source} tells abnormal pictures and translates nothing: use src/detect.py")
    if isinstance(pretrained, PretrainedEncoder):
        raise ValueError(f"{source} encodes images: use encode(images) of ganforge.pretrained.from_pretrained")
    if isinstance(pretrained, PretrainedClassifier):
        raise ValueError(f"{source} classifies images: use src/classify.py")
    raise ValueError(f"{source} draws from latents and translates nothing: use src/generate.py")


def prepared(translator: PretrainedTranslator, request: Request, source: Path) -> Translation:
    """ValueError where the view, the channels or the device do not go together with the network."""
    view, channels = None, translator.source_channels
    if request.apply_view:
        if translator.direction == "b_to_a":
            raise ValueError("apply_view=true makes what a_to_b starts from: leave it out, or direction=b_to_a")
        view, channels = stored_view(translator, source)
    made = translator.image_shape[0]
    if channels not in (1, 3) or made not in (1, 3):
        raise ValueError(f"{source} makes {made} channels of {channels}, and a picture has 1 or 3")
    translator.to(device_of(request.device))
    translator.refuse_tile(request.tile)
    targets = targets_of(translator, request.target)
    return Translation(
        translator, view, channels, request.size, request.batch_size, request.seed, request.tile, targets
    )


def targets_of(translator: PretrainedTranslator, asked: str | None) -> tuple[str | None, ...]:
    """The domain that is asked for, or all of them; ValueError where there is none of this name."""
    if translator.domains and asked in (None, EVERY_DOMAIN) and EVERY_DOMAIN not in translator.domains:
        return translator.domains
    translator.number_of(asked)
    return (asked,)


def stored_view(translator: PretrainedTranslator, source: Path) -> tuple[View, int]:
    """The view that the network was trained on, and the channels of what it is a view of."""
    node = translator.config.get("view")
    if node is None:
        raise ValueError(
            f"{source} was trained on sources of their own, which are no view of images: leave out apply_view=true"
        )
    try:
        arguments = dict(node)
        view = VIEWS[arguments.pop("_target_")](**arguments)
        channels = translator.config["data"]["channels"]
        fits = view.channels(channels) == translator.source_channels
    except (LookupError, TypeError, ValueError) as error:
        raise ValueError(f"{source} names no view of ganforge.data.views: {error}") from error
    if not fits:
        raise ValueError(f"{source} takes {translator.source_channels} channels, and its view has another number")
    return view, channels


def run_name(translator: PretrainedTranslator, source: Path) -> str:
    name = known_as(source)
    return name if translator.direction == "a_to_b" else f"{name}_{translator.direction}"


def translate_archive(translation: Translation, given: Path, file: Path) -> str:
    """An .npz with `images` (N, H, W, C), and with the labels of the given one.

    With several targets `images` are those of the first, then of the second, and so on, and `labels` their numbers.
    """
    images, labels = read_archive(given)
    first = archived(translation, images[:1])
    height, width = (translation.translator.scale * side for side in first.shape[-2:])
    targets = translation.targets
    if len(targets) > 1:
        labels = np.arange(len(targets)).repeat(len(images))
    shape = (len(targets) * len(images), height, width, translation.translator.image_shape[0])
    step = translation.together(first)
    with replacing(file) as opened, zipfile.ZipFile(opened, "w") as archive:
        with archive.open(zipfile.ZipInfo("images.npy"), "w", force_zip64=True) as member:
            header = {"descr": "|u1", "fortran_order": False, "shape": shape}
            np.lib.format.write_array_header_1_0(member, header)
            blocks = [(target, start) for target in targets for start in range(0, len(images), step)]
            for target, start in watched(blocks, "translating"):
                block = translation(archived(translation, images[start : start + step]), target)
                member.write(block.movedim(1, -1).contiguous().numpy().tobytes())
        if labels is not None:
            with archive.open(zipfile.ZipInfo("labels.npy"), "w") as member:
                np.lib.format.write_array(member, labels)
    return f"{shape[0]:,} images{'' if labels is None else ' with their labels'}"


def archived(translation: Translation, images: np.ndarray) -> Tensor:
    """Sources of images (N, H, W, C) uint8."""
    block = with_channels(images, translation.channels)
    return translation.viewed(block if translation.size is None else resized(block, translation.size))


def translate_pictures(translation: Translation, files: list[Path], given: Path, folder: Path) -> str:
    """`images` with a PNG for each of `files`, where it was below `given`, and comparison.png with the first
    sources and their translations.

    With several targets there is a folder for each in `images`. What cannot be read is left out with a warning;
    ValueError if that is everything.
    """
    names, ways = png_names(files, given), list(zip(translation.folders, translation.targets, strict=True))
    count, compared = 0, list[tuple[Path, list[Tensor]]]()
    with whole_folder(folder) as unfinished, ThreadPoolExecutor() as pool:
        for block in by_size(
            translation, readable(translation.read, files, translation.batch_size, pool, "translating")
        ):
            sources = torch.stack([source for _, source in block])
            try:
                made = [translation(sources, target) for _, target in ways]
            except ValueError as error:
                for file, _ in block:
                    warn(f"{file} is left out: {error}")
                continue
            for (place, _), images in zip(ways, made, strict=True):
                list(pool.map(save_png, [unfinished / "images" / place / names[file] for file, _ in block], images))
            count += len(block)
            for (file, source), *translated in zip(block[: COMPARED - len(compared)], *made, strict=False):
                compared.append((file, [tile(source), *map(tile, translated)]))
        if count == 0:
            raise ValueError(f"none of the {len(files):,} pictures in {given} could be translated")
        tiles = [one for _, row in sorted(compared, key=lambda entry: entry[0]) for one in row]
        beside = min(PAIRS_IN_A_ROW, len(compared)) if len(ways) == 1 else 1
        save_png(unfinished / "comparison.png", grid(torch.stack(tiles), beside * (1 + len(ways))))
    left_out = len(files) - count
    without = f", without the {left_out:,} left out," if left_out else ""
    return f"{len(ways) * count:,} translations{without} and comparison.png"


def png_names(files: list[Path], folder: Path) -> dict[Path, Path]:
    """Where each translation goes; ValueError names two that would be one file, on a system that ignores case."""
    names = {file: file.relative_to(folder).with_suffix(".png") for file in files}
    taken: dict[str, Path] = {}
    for file, name in names.items():
        other = taken.setdefault(str(name).casefold(), file)
        if other != file:
            raise ValueError(f"{other} and {file} would both become {name}: rename one of them")
    return names


def by_size(translation: Translation, sources: Iterable[tuple[Path, Tensor]]) -> Iterator[list[tuple[Path, Tensor]]]:
    """Blocks of equal size, as many as are translated together, or fewer where too many would have to wait."""
    waiting: dict[torch.Size, list[tuple[Path, Tensor]]] = {}
    for file, source in sources:
        block = waiting.setdefault(source.shape, [])
        block.append((file, source))
        if len(block) >= translation.together(source):
            yield waiting.pop(source.shape)
        elif sum(map(len, waiting.values())) >= WAITING * translation.batch_size:
            yield waiting.pop(next(iter(waiting)))
    yield from waiting.values()


def tile(picture: Tensor) -> Tensor:
    """A picture (C, H, W) uint8 in colour in the middle of a gray square, enlarged by whole pixels or made smaller."""
    longest = max(picture.shape[-2:])
    if longest > TILE:
        height, width = (max(1, round(side * TILE / longest)) for side in picture.shape[-2:])
        small = F.interpolate(picture[None].float(), (height, width), mode="bilinear", antialias=True)
        picture = small[0].round().clamp(0, 255).byte()
    else:
        factor = TILE // longest
        picture = picture.repeat_interleave(factor, -1).repeat_interleave(factor, -2)
    height, width = picture.shape[-2:]
    square = torch.full((3, TILE, TILE), 128, dtype=torch.uint8)
    top, left = (TILE - height) // 2, (TILE - width) // 2
    square[:, top : top + height, left : left + width] = picture
    return square
