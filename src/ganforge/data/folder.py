"""Images from a folder, of any format, mode, size and aspect."""

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


class Folder(InMemoryData):
    """Every image below `path`, its centre square resized; the first-level sub-folders are the classes, if any.

    Decoded images beyond `memory_gib` GiB are kept in a memory-mapped file below `cache` instead of in memory.
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
        if not self.path.is_dir():
            raise ValueError(f"data.path={self.path}: no such folder")
        files = sorted(file for file in self.path.rglob("*") if file.suffix.lower() in SUFFIXES and file.is_file())
        if not files:
            raise ValueError(f"data.path={self.path} has no images ({', '.join(sorted(SUFFIXES))})")
        files = [files[number] for number in held_out_order(len(files), self.held_out)]
        images = self._storage(len(files))
        with ThreadPoolExecutor() as pool:
            for number, image in enumerate(pool.map(partial(read_image, shape=self.shape), files)):
                images[number] = image
        return hold_out(Batch(torch.from_numpy(images), self._labels(files)), self.held_out)

    def _storage(self, count: int) -> np.ndarray:
        shape = (count, *self.shape)
        if np.prod(shape, dtype=np.int64) <= self.memory_gib * 2**30:
            return np.empty(shape, np.uint8)
        self.cache.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=self.cache) as file:
            return np.memmap(file, np.uint8, "w+", shape=shape)

    def _labels(self, files: list[Path]) -> torch.Tensor | None:
        folders = [file.relative_to(self.path).parts[0] for file in files]
        if any(len(file.relative_to(self.path).parts) == 1 for file in files):
            return None
        classes = sorted(set(folders))
        return torch.tensor([classes.index(folder) for folder in folders])
