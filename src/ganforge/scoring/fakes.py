"""Pictures that any generator has drawn, read as data of the same kind would be."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ganforge.artifacts.evaluations import ORIGIN
from ganforge.data.arrays import read_archive
from ganforge.data.folder import beside_folders, pictures, read_pictures
from ganforge.data.module import resized
from ganforge.metrics.fingerprint import fingerprint
from ganforge.randomness import derived_generator

BLOCK = 250
FEWEST = 10


class Fakes:
    """Every picture below a folder, or the `images` of an .npz; `count` of them, which `seed` chooses, or all.

    Chance chooses because files are often in the order of their classes.
    """

    def __init__(self, path: Path, count: int | None, seed: int) -> None:
        if not path.exists():
            raise ValueError(f"fakes={path}: no such folder or .npz file")
        self.name = path.resolve().name
        self.items: list[Path] | np.ndarray = drawn_pictures(path) if path.is_dir() else read_archive(path)[0]
        there = len(self.items)
        self.count = there if count is None else count
        if self.count > there:
            raise ValueError(f"fakes={path} has {there:,} pictures, fewer than images={self.count:,}")
        if self.count < FEWEST:
            few = f"fakes={path} has {there:,} pictures" if count is None else f"images={count:,}"
            raise ValueError(f"{few}, and scores need at least {FEWEST}")
        order = torch.randperm(there, generator=derived_generator("fakes", seed))
        self.chosen = order[: self.count].sort().values
        self.digests: list[str] = []

    def blocks(self, shape: tuple[int, ...]) -> Iterator[Tensor]:
        """uint8 blocks of images of `shape`, in the order of the files."""
        for numbers in self.chosen.split(BLOCK):
            block = self._block(numbers.tolist(), shape)
            self.digests.append(fingerprint(block))
            yield block

    def _block(self, numbers: list[int], shape: tuple[int, ...]) -> Tensor:
        if isinstance(self.items, list):
            return torch.stack(list(read_pictures([self.items[number] for number in numbers], shape)))
        images = torch.from_numpy(self.items[numbers]).movedim(-1, 1).contiguous()
        if images.shape[1] != shape[0]:
            raise ValueError(f"the fakes have {images.shape[1]} channels, and the data has {shape[0]}")
        return resized(images, shape[-1])

    def stamp(self, measured: dict[str, Any]) -> dict[str, Any]:
        """The stamp of scores of all blocks, from that of ganforge's own fakes, which says how these were drawn."""
        others = {entry: value for entry, value in measured.items() if entry not in ORIGIN}
        return others | {"fakes": f"{self.name}:{fingerprint(*self.digests)}"}


def drawn_pictures(folder: Path) -> list[Path]:
    """Every picture below `folder`.

    ValueError where some lie beside folders of others, as the grids of generate.py beside its `images`.
    """
    files = pictures(folder)
    beside = beside_folders(files, folder)
    if beside:
        others = sorted({file.relative_to(folder).parts[0] for file in files if file.parent != folder})
        raise ValueError(
            f"fakes={folder}: {beside[0]} lies beside folders of pictures; "
            f"name one that has nothing but fakes, such as fakes={folder / others[0]}"
        )
    return files
