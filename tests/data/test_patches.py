"""Squares of pictures: where they are cut, and what is held out."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from ganforge.artifacts.images import read_whole_image, size_of
from ganforge.data.patches import Patches, Photographs
from ganforge.data.views import Downscaled

DESCRIBED: dict[str, Any] = {
    "channels": 3, "num_classes": None, "batch_size": 2, "seed": 0, "flip": False, "cache": "unused", "memory_gib": 1.0,
}  # fmt: skip


def pictures(folder: Path) -> Path:
    """Ten pictures whose pixels say which they are, and where."""
    folder.mkdir(exist_ok=True)
    for number in range(10):
        pixels = np.full((21, 34, 3), 10 * number, np.uint8)
        pixels[..., 1], pixels[..., 2] = np.arange(34), np.arange(21)[:, None]
        Image.fromarray(pixels).save(folder / f"{number}.png")
    return folder


def patches(folder: Path, **changes: Any) -> Patches:
    data = Patches(path=str(pictures(folder)), **(DESCRIBED | {"image_size": 8, "held_out": 0.2} | changes))
    data.load_splits()
    return data


def test_squares_are_side_by_side_and_a_picture_is_trained_on_or_held_out(tmp_path: Path) -> None:
    data = patches(tmp_path / "photos", jitter=2)
    train, held_out = data.stored.images, data.held_out_split.images
    assert (train.shape, held_out.shape) == ((8 * 2 * 3, 3, 10, 10), (2 * 2 * 4, 3, 8, 8))
    assert data.train_split.images.shape == (48, 3, 8, 8)
    assert not set(train[:, 0].unique().tolist()) & set(held_out[:, 0].unique().tolist())
    corners = [(square[1, 0, 0].item(), square[2, 0, 0].item()) for square in held_out[:8]]
    assert corners == [(left, top) for top in (0, 8) for left in (0, 8, 16, 24)]
    assert torch.equal(held_out[5][1], torch.arange(8, 16, dtype=torch.uint8).expand(8, 8))


def test_on_the_disk_they_are_the_same(tmp_path: Path) -> None:
    here, there = (patches(tmp_path / "photos", memory_gib=gib, cache=str(tmp_path)) for gib in (1.0, 0.0))
    assert isinstance(there.stored.images, torch.Tensor)
    assert torch.equal(here.stored.images, there.stored.images)


def test_sizes_are_those_of_what_is_read(tmp_path: Path) -> None:
    for orientation in (1, 3, 6, 8):
        picture, exif = Image.new("RGB", (30, 20)), Image.Exif()
        exif[0x0112] = orientation
        picture.save(tmp_path / "turned.jpg", exif=exif)
        assert size_of(tmp_path / "turned.jpg") == read_whole_image(tmp_path / "turned.jpg", 3).shape[1:]
    (tmp_path / "turned.jpg").write_bytes(b"\xff\xd8 no more")
    with pytest.raises(ValueError, match=r"turned\.jpg is not a readable image"):
        size_of(tmp_path / "turned.jpg")


def test_pictures_without_room_for_a_square_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"^none of the 8 pictures of photos .* has 25x25 pixels, .*: choose less$"):
        patches(tmp_path / "photos", image_size=24, jitter=1)


def test_photographs_come_along() -> None:
    view = Downscaled(4)
    data = Photographs(**(DESCRIBED | {"image_size": 64, "jitter": 0, "view": view}))
    data.load_splits()
    assert data.train_split.images.shape == (2 * 6 * 10, 3, 64, 64)
    assert data.held_out_split.images.shape == (9 * 8, 3, 64, 64)
    assert data.held_out_sources is not None and data.held_out_sources.images.shape == (72, 3, 16, 16)
    assert data.train_split.images.float().std() > 40
    assert data.gives == {"images", "sources", "pairs", "smaller sources"}
