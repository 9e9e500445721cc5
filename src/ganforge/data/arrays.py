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
        images, labels = read_archive(self.path)
        order = held_out_order(len(images), self.held_out)
        shuffled = Batch(
            as_tensor(images, self.image_size, self.path)[order],
            torch.from_numpy(labels.astype(np.int64))[order] if labels is not None else None,
        )
        return hold_out(shuffled, self.held_out)


def read_archive(path: Path) -> tuple[np.ndarray, np.ndarray | None]:
    """`images` (N, H, W, C) and, where there are any, `labels` (N,); ValueError says what is wrong with the file."""
    (images,), labels = read_arrays(path, ("images",))
    return images, labels


def read_arrays(path: Path, names: tuple[str, ...]) -> tuple[list[np.ndarray], np.ndarray | None]:
    """As many images (N, H, W, C) under each of these names; otherwise as `read_archive`."""
    if path.is_dir():
        raise ValueError(f"{path} is a folder, not an .npz of arrays: pictures in a folder are read with data=folder")
    if not path.is_file():
        expected = " and ".join(f"`{name}`" for name in names)
        raise ValueError(f"{path}: no such file; expected an .npz with {expected} and maybe `labels`")
    try:
        refuse_bombs(path)
        with np.load(path, allow_pickle=False) as archive:
            found = list(archive)
            arrays = {name: archive[name] for name in (*names, "labels") if name in archive}
    except Exception as error:  # zipfile, zlib and NumPy raise nearly anything for bytes that were tampered with
        arguments = ", ".join(f"{name}={name}" for name in names)
        written = f'numpy.savez("images.npz", {arguments}) writes one'
        raise ValueError(f"{path} cannot be read as an .npz of plain arrays ({written}): {error}") from error
    for name in names:
        if name not in arrays:
            raise ValueError(f"{path} has no array named `{name}`, only {', '.join(found) or 'none at all'}")
    images = [checked_images(arrays[name], path, name) for name in names]
    count = len(images[0])
    for name, others in zip(names, images, strict=True):
        if len(others) != count:
            raise ValueError(f"{path} has {count} `{names[0]}` and {len(others)} `{name}`: each image needs its own")
    return images, checked_labels(arrays["labels"], count, path) if "labels" in arrays else None


def as_tensor(images: np.ndarray, image_size: int | None, path: Path) -> torch.Tensor:
    """(N, H, W, C) -> (N, C, S, S), resized on request."""
    if images.shape[1] != images.shape[2] and image_size is None:
        raise ValueError(f"{path}: images of {images.shape[2]}x{images.shape[1]} need data.image_size=")
    tensor = torch.from_numpy(images).movedim(-1, 1).contiguous()
    return resized(tensor, image_size or tensor.shape[-1])


def refuse_bombs(path: Path) -> None:
    with zipfile.ZipFile(path) as archive:
        unpacked = sum(entry.file_size for entry in archive.infolist())
    if unpacked > max(2**30, MOST_UNPACKED * path.stat().st_size):
        raise ValueError(f"it unpacks to {unpacked / 2**30:,.0f} GiB, more than {MOST_UNPACKED} times its size")


def checked_images(images: np.ndarray, path: Path, name: str) -> np.ndarray:
    """With an axis for the channels."""
    shaped = images[..., None] if images.ndim == 3 else images
    if images.dtype != np.uint8 or shaped.ndim != 4 or shaped.shape[-1] not in (1, 3) or images.size == 0:
        raise ValueError(
            f"{path}: `{name}` must be uint8 (N, H, W), (N, H, W, 1) or (N, H, W, 3), "
            f"not {images.dtype} {images.shape}{conversion(images, name)}"
        )
    return shaped


def conversion(images: np.ndarray, name: str) -> str:
    """The NumPy that makes of other images what is expected, as the end of a sentence."""
    last = images.ndim == 3 or (images.ndim == 4 and images.shape[3] in (1, 3))
    first = images.ndim == 4 and images.shape[1] in (1, 3) and not last
    if images.dtype.kind not in "fiu" or images.size == 0 or not (first or last):
        return ""
    if images.dtype.kind == "f":
        ranges = {
            (0, 1): f"({name} * 255).round()",
            (-1, 1): f"(({name} + 1) * 127.5).round()",
            (0, 255): f"{name}.round()",
        }
    else:
        ranges = {(0, 255): name}
    lowest, highest = images.min(), images.max()
    code = next((code for (low, high), code in ranges.items() if low <= lowest and highest <= high), None)
    if code is None:
        return f" with values from {lowest:g} to {highest:g}"
    code += "" if images.dtype == np.uint8 else '.astype("uint8")'
    return f"; {code}{'.transpose(0, 2, 3, 1)' if first else ''} makes them so"


def checked_labels(labels: np.ndarray, count: int, path: Path) -> np.ndarray:
    """(N,), also of one column, where every class has an image."""
    column = labels[:, 0] if labels.shape == (count, 1) else labels
    if (
        column.shape != (count,)
        or column.dtype.kind not in "iu"
        or not 0 <= column.min() <= column.max() < MOST_CLASSES
    ):
        if column.shape == (count,) and column.dtype.kind in "iu":
            found = f" from {column.min()} to {column.max()}"
        else:
            found = "; labels.argmax(1) makes them so of a column for each class" if labels.ndim == 2 else ""
        raise ValueError(
            f"{path}: `labels` must be one integer from 0 to {MOST_CLASSES - 1:,} for each of the {count} images, "
            f"not {labels.dtype} {labels.shape}{found}"
        )
    absent = np.setdiff1d(np.arange(column.max() + 1), column)
    if len(absent):
        raise ValueError(
            f"{path}: `labels` go up to {column.max()}, but no image has label {absent[0]}; "
            "numpy.unique(labels, return_inverse=True)[1] numbers them without gaps"
        )
    return column
