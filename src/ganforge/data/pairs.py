"""Images with a counterpart each, side by side in one file, in two folders, or in one NumPy archive."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from torch import Tensor

from ganforge.data.arrays import as_tensor, read_arrays
from ganforge.data.folder import Part, PictureData, counterparts, pictures
from ganforge.data.module import first_held_out, held_out_items, held_out_order
from ganforge.interfaces import Batch

Direction = Literal["a_to_b", "b_to_a"]
Pair = tuple[Path, ...]
"""The file of A and that of B, or one that has A on its left half and B on its right."""


class Pairs(PictureData):
    """Pairs of A and B, as for the experiments of Isola et al. 2017; `direction` says which is made of which.

    `path` is a folder of pictures A|B side by side, or an .npz with `sources` (A), `images` (B), and maybe `labels`;
    or it is a folder of B, and `sources` one of A with equal file names. What is in folders may be split into train/
    and test/ (or val/); otherwise a share is held out.
    """

    own_sources: ClassVar = frozenset({"sources", "pairs"})

    def __init__(
        self,
        path: str,
        channels: Literal[1, 3] | None,
        source_channels: Literal[1, 3] | None,
        direction: Direction,
        sources: str | None = None,
        **pictures: Any,
    ) -> None:
        super().__init__(path=path, channels=channels, source_channels=source_channels, **pictures)
        self.sources = None if sources is None else Path(sources)
        self.direction = direction
        self.in_archive = self.path.suffix == ".npz"
        self.name = self.path.stem if self.in_archive else self.path.name
        if self.in_archive and sources is not None:
            raise ValueError(f"data.sources={sources}: the sources of {self.path} are in it, so leave it out")
        if not self.in_archive and None in (self.image_size, channels, source_channels):
            raise ValueError(
                f"data.image_size=, data.channels= and data.source_channels= must be known, as {self.path} is no .npz"
            )

    def load(self) -> tuple[Batch, Batch]:
        return self._from_archive() if self.in_archive else self._from_files()

    def _batch(self, a: Tensor, b: Tensor, labels: Tensor | None = None) -> Batch:
        return Batch(b, labels, a) if self.direction == "a_to_b" else Batch(a, labels, b)

    def _from_files(self) -> tuple[Batch, Batch]:
        train, held_out = self._splits()
        assert self.image_size is not None and self.channels is not None and self.source_channels is not None
        of_a, of_b = self.source_channels, self.channels
        channels = (of_a, of_b) if self.direction == "a_to_b" else (of_b, of_a)
        decoded = self.decoded(*map(Part, (train, held_out), self.shapes(self.image_size, *channels)))
        for_training, for_scores = (self._batch(*tensors) for tensors in decoded)
        return for_training, for_scores

    def _splits(self) -> tuple[Sequence[Pair], Sequence[Pair]]:
        folders = official_splits(self.path)
        if folders:
            self.split_name = f"{folders[1].name} of {self.name}"
            train, held_out = (self._pairs(folder.relative_to(self.path)) for folder in folders)
            return train, held_out
        self.split_name = f"held out {self.held_out:g} of {self.name}"
        return held_out_items(self._pairs(Path()), self.held_out)

    def _pairs(self, below: Path) -> Sequence[Pair]:
        if self.sources is None:
            return [(file,) for file in pictures(self.path / below)]
        return counterparts(self.sources / below, self.path / below)

    def _from_archive(self) -> tuple[Batch, Batch]:
        (b, a), labels = read_arrays(self.path, ("images", "sources"))
        self.split_name = f"held out {self.held_out:g} of {self.name}"
        order = held_out_order(len(b), self.held_out)
        cut = first_held_out(len(b), self.held_out)
        size = self.image_size or (b.shape[1] if b.shape[1] == b.shape[2] else None)
        splits = []
        for places, margin in ((order[:cut].numpy(), self.jitter), (order[cut:].numpy(), 0)):
            some_a, some_b = (as_tensor(one[places], size and size + margin, self.path) for one in (a, b))
            chosen = None if labels is None else torch.from_numpy(labels[places].astype(np.int64))
            splits.append(self._batch(some_a, some_b, chosen))
        return splits[0], splits[1]


def official_splits(folder: Path) -> tuple[Path, Path] | None:
    """train/ and test/, or val/ in its place, where a data set has them."""
    train = folder / "train"
    if not train.is_dir():
        return None
    held_out = [folder / name for name in ("test", "val") if (folder / name).is_dir()]
    if not held_out:
        raise ValueError(f"{folder} has train/ but neither test/ nor val/: data.path={train} holds a share of it out")
    return train, held_out[0]
