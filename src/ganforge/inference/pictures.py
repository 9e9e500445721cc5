"""Pictures that come in: read one after the other, and where what is made of them goes."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ganforge.data.folder import SUFFIXES
from ganforge.data.views import brightness
from ganforge.process.terminal import warn, watched

DEVICES = ("auto", "cpu", "cuda")
Read = Callable[[Path], Tensor]
"""A picture (C, H, W) of a file; ValueError names one that is none."""


def readable(
    read: Read, files: list[Path], step: int, pool: ThreadPoolExecutor, doing: str
) -> Iterator[tuple[Path, Tensor]]:
    """Each file with its picture, `step` ahead at most; what cannot be read is left out with a warning."""
    for start in watched(range(0, len(files), step), doing):
        block = files[start : start + step]
        for file, picture in zip(block, pool.map(partial(picture_or_error, read), block), strict=True):
            if isinstance(picture, Tensor):
                yield file, picture
            else:
                warn(f"{file} is left out: {str(picture).removeprefix(f'{file} ').removeprefix(f'{file}: ')}")


def picture_or_error(read: Read, file: Path) -> Tensor | ValueError:
    try:
        return read(file)
    except ValueError as error:
        return error


def with_channels(images: np.ndarray, channels: int) -> Tensor:
    """Images (N, H, W, C) uint8 as (N, `channels`, H, W): gray, or three colours."""
    tensor = torch.from_numpy(images).movedim(-1, 1).contiguous()
    return brightness(tensor) if channels == 1 else tensor.expand(-1, channels, -1, -1)


def output_file(output: str | None, place: Path, given: Path, suffix: str) -> Path:
    """The file that `output=` names, or one called as the input in the folder that it names; never one that exists."""
    named = Path(output or place)
    if named.suffix.lower() in (SUFFIXES | {".npz", ".csv"}) - {suffix}:
        raise ValueError(f"output={named} should end in {suffix}, or name a folder")
    file = named if named.suffix.lower() == suffix else named / f"{given.stem}{suffix}"
    if file.exists():
        raise ValueError(f"{file} is there already: choose another name with output=")
    return file


def refuse_other_devices(device: str) -> None:
    if device not in DEVICES:
        raise ValueError(f"device={device} should be {', '.join(DEVICES[:-1])} or {DEVICES[-1]}")


def device_of(device: str) -> torch.device:
    """The one that `device=` names; ValueError where there is no such GPU."""
    if device == "cuda" and not torch.cuda.is_available():
        raise ValueError("device=cuda: PyTorch finds no such GPU here: leave it out")
    on_gpu = device == "cuda" or (device == "auto" and torch.cuda.is_available())
    return torch.device("cuda" if on_gpu else "cpu")
