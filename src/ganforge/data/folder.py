"""Images from a folder, of any format, mode, size and aspect."""

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, Literal

import numpy as np
import torch

from ganforge.artifacts.images import read_image
from ganforge.data.module import InMemoryData, held_out_order, hold_out
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


class Folder(InMemoryData):
    """Every image below `path`, its centre square resized; the first-level sub-folders are the classes, if any.

    Decoded images beyond `memory_gib` GiB are kept in a memory-mapped file on the disk of `cache`.
    """

    def __init__(
        self,
        path: str,
        image_size: int,
        channels: Literal[1, 3],
        cache: str,
        held_out: float,
        memory_gib: float,
        **described: Any,
    ) -> None:
        super().__init__(image_size=image_size, channels=channels, **described)
        self.shape = (channels, image_size, image_size)
        self.path = Path(path)
        if memory_gib < 0:
            raise ValueError(f"data.memory_gib must not be negative, got {memory_gib}")
        self.held_out, self.memory_gib, self.cache = held_out, memory_gib, Path(cache)
        self.name = self.path.name
        self.split_name = f"held out {held_out:g} of folder {self.name}"

    def load(self) -> tuple[Batch, Batch]:
        files = pictures(self.path)
        files = [files[number] for number in held_out_order(len(files), self.held_out)]
        images = self._storage(len(files))
        for number, image in enumerate(read_pictures(files, self.shape)):
            images[number] = image
        return hold_out(Batch(torch.from_numpy(images), self._labels(files)), self.held_out)

    def _storage(self, count: int) -> np.ndarray:
        shape = (count, *self.shape)
        if np.prod(shape, dtype=np.int64) <= self.memory_gib * 2**30:
            return np.empty(shape, np.uint8)
        place = next(folder for folder in (self.cache, *self.cache.parents) if folder.is_dir())
        with TemporaryFile(dir=place) as file:  # it has no name, so that a folder made for it would stay behind, empty
            return np.memmap(file, np.uint8, "w+", shape=shape)

    def _labels(self, files: list[Path]) -> torch.Tensor | None:
        if all(file.parent == self.path for file in files):
            return None
        beside = beside_folders(files, self.path)
        if beside:
            self.why_unlabelled = f" because {beside[0]} lies beside the class folders"
            return None
        folders = [file.relative_to(self.path).parts[0] for file in files]
        classes = sorted(set(folders))
        return torch.tensor([classes.index(folder) for folder in folders])
