"""Squares cut out of pictures at their own resolution, as super-resolution is trained on."""

import math
from collections.abc import Sequence
from importlib.metadata import distribution
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from ganforge.artifacts.images import read_whole_image, size_of
from ganforge.data.folder import PictureData, pictures
from ganforge.data.module import held_out_items
from ganforge.interfaces import Batch

BUNDLED = {
    "scikit-learn": ("sklearn/datasets/images/china.jpg", "sklearn/datasets/images/flower.jpg"),
    "matplotlib": ("matplotlib/mpl-data/sample_data/grace_hopper.jpg",),
}


class Patches(PictureData):
    """Every picture below `path`, cut into squares side by side; what is left over at the right and below is left out.

    Those to train on are `jitter` pixels larger. A share of the pictures is held out, with all of their squares.
    Pictures that are too small for a square are left out; ValueError where all are.
    """

    image_size: int
    channels: Literal[1, 3]

    def __init__(self, image_size: int, channels: Literal[1, 3], held_out: float, **pictures: Any) -> None:
        super().__init__(image_size=image_size, channels=channels, held_out=held_out, **pictures)
        self.split_name = f"held out {held_out:g} of the pictures of {self.name}"

    def files(self) -> tuple[Sequence[Path], Sequence[Path]]:
        """Pictures to train on, and those that are held out."""
        return held_out_items(pictures(self.path), self.held_out)

    def load(self) -> tuple[Batch, Batch]:
        train, held_out = self.files()
        return Batch(self.squares(train, self.image_size + self.jitter)), Batch(self.squares(held_out, self.image_size))

    def squares(self, files: Sequence[Path], side: int) -> Tensor:
        """(N, C, side, side) uint8, picture by picture, line by line."""
        counts = [(height // side, width // side) for height, width in map(size_of, files)]
        shape = (sum(rows * columns for rows, columns in counts), self.channels, side, side)
        if files and shape[0] == 0:
            raise ValueError(
                f"none of the {len(files)} pictures of {self.name} that are read has {side}x{side} pixels, which is "
                "data.image_size with data.jitter: choose less"
            )
        array, filled = self.room(math.prod(shape))(shape, np.uint8), 0
        for file, (rows, columns) in zip(files, counts, strict=True):
            whole = read_whole_image(file, self.channels)[:, : rows * side, : columns * side]
            cut = whole.unflatten(1, (rows, side)).unflatten(3, (columns, side)).permute(1, 3, 0, 2, 4).flatten(0, 1)
            array[filled : filled + len(cut)] = cut.numpy()
            filled += len(cut)
        return torch.from_numpy(array)


class Photographs(Patches):
    """Three photographs that scikit-learn (CC BY 2.0) and matplotlib (public domain) ship; the last is held out."""

    def __init__(self, **patches: Any) -> None:
        super().__init__(path="photographs", held_out=1 / 3, **patches)
        self.split_name = "grace_hopper.jpg of photographs"

    def files(self) -> tuple[Sequence[Path], Sequence[Path]]:
        found = [Path(str(distribution(name).locate_file(file))) for name, files in BUNDLED.items() for file in files]
        return found[:2], found[2:]
