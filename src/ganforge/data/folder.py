"""Images from a folder, of any format, mode, size and aspect."""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, Literal

import numpy as np
import torch

from ganforge.artifacts.images import read_halves, read_image
from ganforge.data.module import InMemoryData, held_out_items, of_every_class
from ganforge.interfaces import Batch

SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm"})
NOT_THE_USERS = frozenset({"__MACOSX", "@eaDir", "$RECYCLE.BIN"})
"""Folders that systems make for previews and deleted files, beside those that begin with a dot."""


def pictures(folder: Path) -> list[Path]:
    """Every image below `folder`, sorted; ValueError where there is none."""
    if not folder.is_dir():
        raise ValueError(f"{folder}: no such folder")
    files = sorted(file for file in folder.rglob("*") if is_picture(file.relative_to(folder)) and file.is_file())
    if not files:
        raise ValueError(f"{folder} has no images ({', '.join(sorted(SUFFIXES))})")
    return files


def is_picture(path: Path) -> bool:
    """By its name below the folder that the user named."""
    hidden = any(part.startswith(".") or part in NOT_THE_USERS for part in path.parts)
    return path.suffix.lower() in SUFFIXES and not hidden


def beside_folders(files: Iterable[Path], folder: Path) -> list[Path]:
    """Those directly in `folder`, sorted, where others are in its sub-folders."""
    direct = sorted(file for file in files if file.parent == folder)
    return [] if all(file.parent == folder for file in files) else direct


def read_pictures(files: Iterable[Path], shape: tuple[int, ...]) -> Iterator[torch.Tensor]:
    """The centre of each as (C, H, W) uint8, in this order."""
    with ThreadPoolExecutor() as pool:
        yield from pool.map(partial(read_image, shape=shape), files)


Shape = tuple[int, int, int]
"""(C, H, W)."""


@dataclass(frozen=True)
class Part:
    """Files to decode: for each item either one file for each of `shapes`, or one with them side by side."""

    items: Sequence[tuple[Path, ...]]
    shapes: tuple[Shape, ...]

    def read(self, item: tuple[Path, ...]) -> Sequence[torch.Tensor]:
        if len(item) < len(self.shapes):
            (file,), (left, right) = item, self.shapes
            return read_halves(file, left, right)
        return [read_image(file, shape) for file, shape in zip(item, self.shapes, strict=True)]


class PictureData(InMemoryData):
    """Pictures in files below `path`: the centre square of each, resized.

    Decoded images beyond `memory_gib` GiB are kept in memory-mapped files on the disk of `cache`. Those to train on are
    stored `jitter` pixels larger, and cut to `image_size` anywhere whenever they are shown.
    """

    def __init__(
        self,
        path: str,
        image_size: int | None,
        cache: str,
        held_out: float,
        memory_gib: float,
        jitter: int = 0,
        **described: Any,
    ) -> None:
        super().__init__(image_size=image_size, **described)
        self.path = Path(path)
        if memory_gib < 0:
            raise ValueError(f"data.memory_gib must not be negative, got {memory_gib}")
        if jitter < 0:
            raise ValueError(f"data.jitter must not be negative, got {jitter}")
        self.held_out, self.memory_gib, self.cache, self.jitter = held_out, memory_gib, Path(cache), jitter
        self.name = self.path.name

    def decoded(self, *parts: Part) -> list[list[torch.Tensor]]:
        """For each part one tensor (N, C, H, W) uint8 for each of its shapes."""
        shapes = [[(len(part.items), *shape) for shape in part.shapes] for part in parts]
        size = sum(math.prod(shape) for of_part in shapes for shape in of_part)
        room = self.room(size)
        found = []
        with ThreadPoolExecutor() as pool:
            for part, of_part in zip(parts, shapes, strict=True):
                arrays = [room(shape, np.uint8) for shape in of_part]
                for number, images in enumerate(pool.map(part.read, part.items)):
                    for array, image in zip(arrays, images, strict=True):
                        array[number] = image
                found.append([torch.from_numpy(array) for array in arrays])
        return found

    def room(self, size: int) -> Callable[[tuple[int, ...], type], np.ndarray]:
        """What makes arrays, of `size` bytes together: in memory, or on disk where they are too large."""
        return np.empty if size <= self.memory_gib * 2**30 else self._mapped

    def _mapped(self, shape: tuple[int, ...], kind: type) -> np.ndarray:
        if 0 in shape:
            return np.empty(shape, kind)
        place = next(folder for folder in (self.cache, *self.cache.parents) if folder.is_dir())
        with TemporaryFile(dir=place) as file:  # it has no name, so that a folder made for it would stay behind, empty
            return np.memmap(file, kind, "w+", shape=shape)

    def shapes(self, image_size: int, *channels: int) -> tuple[tuple[Shape, ...], tuple[Shape, ...]]:
        """Of pictures to train on, and of those that are held out, with so many channels each."""
        train, held_out = (
            tuple((count, size, size) for count in channels) for size in (image_size + self.jitter, image_size)
        )
        return train, held_out


class Folder(PictureData):
    """Every image below `path`; the first-level sub-folders are the classes, if any.

    With `counterparts` pictures that have the same name in each class, such as a/1.png and b/1.png, are one thing in
    each, and held out together; so is all that is in sub-folders of one name, such as a/7/1.png and b/7/2.png.
    """

    image_size: int
    channels: Literal[1, 3]

    def __init__(
        self, image_size: int, channels: Literal[1, 3], held_out: float, counterparts: bool = False, **pictures: Any
    ) -> None:
        super().__init__(image_size=image_size, channels=channels, held_out=held_out, **pictures)
        self.counterparts = counterparts
        self.split_name = f"held out {held_out:g} of folder {self.name}"

    def load(self) -> tuple[Batch, Batch]:
        files = self._files()
        labels = self._labels([file for of_split in files for file in of_split])
        cut, splits = len(files[0]), [[(file,) for file in of_split] for of_split in files]
        (train,), (held_out,) = self.decoded(*map(Part, splits, self.shapes(self.image_size, self.channels)))
        if labels is None:
            return Batch(train), Batch(held_out)
        return Batch(train, labels[:cut]), Batch(held_out, labels[cut:])

    def _files(self) -> tuple[list[Path], list[Path]]:
        """Those to train on, and those that are held out."""
        if not self.counterparts:
            return held_out_items(pictures(self.path), self.held_out)
        versions = versions_of(self.path)
        _, last = held_out_items(sorted(set(map(group, versions[0]))), self.held_out)
        order = {name: number for number, name in enumerate(last)}
        train = [name for name in versions[0] if group(name) not in order]
        held_out = [name for name in versions[0] if group(name) in order]
        held_out.sort(key=lambda name: order[group(name)])
        identities, classes = of_every_class(len(held_out), len(versions))
        self.held_out_identities = identities
        chosen = zip(identities.tolist(), classes.tolist(), strict=True)
        return (
            [version[name] for version in versions for name in train],
            [versions[number][held_out[identity]] for identity, number in chosen],
        )

    def _labels(self, files: list[Path]) -> torch.Tensor | None:
        if all(file.parent == self.path for file in files):
            return None
        beside = beside_folders(files, self.path)
        if beside:
            self.why_unlabelled = f" because {beside[0]} lies beside the class folders"
            return None
        folders = [file.relative_to(self.path).parts[0] for file in files]
        classes = sorted(set(folders))
        if all(map(str.isprintable, classes)):
            self.class_names = tuple(classes)
        return torch.tensor([classes.index(folder) for folder in folders])


def versions_of(folder: Path) -> list[dict[str, Path]]:
    """The pictures of each class below `folder` by their names; ValueError names one that not every class has."""
    files = pictures(folder)
    classes = sorted(folder / name for name in {file.relative_to(folder).parts[0] for file in files})
    if len(classes) < 2 or beside_folders(files, folder) or files[0].parent == folder:
        raise ValueError(f"data.counterparts=true needs a folder for each class in {folder}, and no pictures beside")
    for other in classes[1:]:
        counterparts(classes[0], other)
    return [by_name(one) for one in classes]


def group(name: str) -> str:
    """What is held out together with a picture of this name."""
    return Path(name).parts[0]


def counterparts(first: Path, second: Path) -> list[tuple[Path, Path]]:
    """Pictures of the same name in both folders, whatever their suffixes; ValueError names one that is alone."""
    ones, others = by_name(first), by_name(second)
    for name in sorted(ones.keys() ^ others.keys()):
        file, there, folder = (ones[name], others, second) if name in ones else (others[name], ones, first)
        almost = [file for other, file in there.items() if other.casefold() == name.casefold()]
        unlike = f"; {almost[0].name} is spelled differently" if almost else ""
        raise ValueError(
            f"{file} has no picture of its name in {folder} ({len(ones)} pictures in {first}, {len(others)} in "
            f"{second}){unlike}"
        )
    return [(ones[name], others[name]) for name in sorted(ones)]


def by_name(folder: Path) -> dict[str, Path]:
    """Pictures below `folder` by their paths in it without suffixes."""
    found: dict[str, Path] = {}
    for file in pictures(folder):
        name = str(file.relative_to(folder).with_suffix(""))
        if name in found:
            raise ValueError(
                f"{found[name]} and {file} are one name with two suffixes: only one can have a counterpart"
            )
        found[name] = file
    return found
