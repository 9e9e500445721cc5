"""Images from a folder, of any format, mode, size and aspect."""

import math
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, Literal

import numpy as np
import torch

from ganforge.artifacts.images import read_halves, read_image
from ganforge.data.module import InMemoryData, held_out_items
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
        room = np.empty if size <= self.memory_gib * 2**30 else self.mapped
        found = []
        with ThreadPoolExecutor() as pool:
            for part, of_part in zip(parts, shapes, strict=True):
                arrays = [room(shape, np.uint8) for shape in of_part]
                for number, images in enumerate(pool.map(part.read, part.items)):
                    for array, image in zip(arrays, images, strict=True):
                        array[number] = image
                found.append([torch.from_numpy(array) for array in arrays])
        return found

    def mapped(self, shape: tuple[int, ...], kind: type) -> np.ndarray:
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
    """Every image below `path`; the first-level sub-folders are the classes, if any."""

    image_size: int
    channels: Literal[1, 3]

    def __init__(self, image_size: int, channels: Literal[1, 3], held_out: float, **pictures: Any) -> None:
        super().__init__(image_size=image_size, channels=channels, held_out=held_out, **pictures)
        self.split_name = f"held out {held_out:g} of folder {self.name}"

    def load(self) -> tuple[Batch, Batch]:
        files = held_out_items(pictures(self.path), self.held_out)
        labels = self._labels([file for of_split in files for file in of_split])
        cut, splits = len(files[0]), [[(file,) for file in of_split] for of_split in files]
        (train,), (held_out,) = self.decoded(*map(Part, splits, self.shapes(self.image_size, self.channels)))
        if labels is None:
            return Batch(train), Batch(held_out)
        return Batch(train, labels[:cut]), Batch(held_out, labels[cut:])

    def _labels(self, files: list[Path]) -> torch.Tensor | None:
        if all(file.parent == self.path for file in files):
            return None
        beside = beside_folders(files, self.path)
        if beside:
            self.why_unlabelled = f" because {beside[0]} lies beside the class folders"
            return None
        folders = [file.relative_to(self.path).parts[0] for file in files]
        self.class_names = classes = sorted(set(folders))
        return torch.tensor([classes.index(folder) for folder in folders])
