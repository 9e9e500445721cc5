"""Images from one NumPy archive."""

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ganforge.data.module import InMemoryData, held_out_order, hold_out, resized
from ganforge.interfaces import Batch

MOST_UNPACKED = 100
"""Times its own size that an archive may unpack to beyond one GiB; real images come to two or three."""
MOST_CLASSES = 100_000


class Arrays(InMemoryData):
    """An .npz with `images` (N, H, W) or (N, H, W, C) uint8 and, where classes are known, `labels` (N,) integers.

    Square images keep their size unless `image_size` asks for another. Pickled objects are refused.
    """

    def __init__(self, path: str, held_out: float, **described: Any) -> None:
        super().__init__(**described)
        self.path = Path(path)
        self.held_out = held_out
        self.name = self.path.stem
        self.split_name = f"held out {held_out:g} of {self.path.name}"

    def load(self) -> tuple[Batch, Batch]:
        if not self.path.is_file():
            raise ValueError(f"data.path={self.path}: no such file; expected an .npz with `images` and maybe `labels`")
        try:
            self._refuse_bombs()
            with np.load(self.path, allow_pickle=False) as archive:
                arrays = {name: archive[name] for name in ("images", "labels") if name in archive}
        except Exception as error:  # zipfile, zlib and NumPy raise nearly anything for bytes that were tampered with
            raise ValueError(f"data.path={self.path} cannot be read as an .npz of plain arrays: {error}") from error
        images, labels = self._checked(arrays)
        tensor = torch.from_numpy(images).movedim(-1, 1).contiguous()
        order = held_out_order(len(images), self.held_out)
        shuffled = Batch(
            resized(tensor, self.image_size or tensor.shape[-1])[order],
            torch.from_numpy(labels.astype(np.int64))[order] if labels is not None else None,
        )
        return hold_out(shuffled, self.held_out)

    def _refuse_bombs(self) -> None:
        with zipfile.ZipFile(self.path) as archive:
            unpacked = sum(entry.file_size for entry in archive.infolist())
        if unpacked > max(2**30, MOST_UNPACKED * self.path.stat().st_size):
            raise ValueError(f"it unpacks to {unpacked / 2**30:,.0f} GiB, more than {MOST_UNPACKED} times its size")

    def _checked(self, arrays: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray | None]:
        images, labels = arrays.get("images"), arrays.get("labels")
        if images is None:
            raise ValueError(f"{self.path} has no array named `images`")
        images = images[..., None] if images.ndim == 3 else images
        if images.dtype != np.uint8 or images.ndim != 4 or images.shape[-1] not in (1, 3) or images.size == 0:
            raise ValueError(
                f"{self.path}: `images` must be uint8 (N, H, W), (N, H, W, 1) or (N, H, W, 3), "
                f"not {images.dtype} {images.shape}"
            )
        if images.shape[1] != images.shape[2] and self.image_size is None:
            raise ValueError(f"{self.path}: images of {images.shape[2]}x{images.shape[1]} need data.image_size=")
        if labels is not None and (
            labels.shape != images.shape[:1]
            or labels.dtype.kind not in "iu"
            or not 0 <= labels.min() <= labels.max() < MOST_CLASSES
        ):
            raise ValueError(
                f"{self.path}: `labels` must be one integer from 0 to {MOST_CLASSES - 1:,} for each of the "
                f"{len(images)} images"
            )
        return images, labels
