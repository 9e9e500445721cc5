"""Files appear whole or not at all; pictures show what they should."""

import errno
import os
import stat
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from ganforge.artifacts.checkpoints import AtomicCheckpointIO
from ganforge.artifacts.files import Taken, link, locked, replacing
from ganforge.artifacts.images import grid, labelled, save_png, scatter, to_uint8
from ganforge.artifacts.records import append_line, read_lines
from ganforge.artifacts.tensors import Cache


def test_interrupted_write_keeps_the_old_file_and_leaves_no_other(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_text("old")
    with pytest.raises(KeyboardInterrupt), replacing(path) as file:
        file.write(b"half of the n")
        assert len([*tmp_path.iterdir()]) == 2, "no rename crosses file systems"
        raise KeyboardInterrupt
    assert path.read_text() == "old"
    assert [file.name for file in tmp_path.iterdir()] == ["x"]
    with replacing(path) as file:
        file.write(b"new")
    assert path.read_text() == "new"


def test_a_cache_that_cannot_be_written_is_named_before_anything_is_computed(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    def compute() -> dict[str, torch.Tensor]:
        raise AssertionError("for nothing")

    with pytest.raises(OSError, match="file"):
        Cache(tmp_path / "file" / "cache")("key", compute)


def test_checkpoint_survives_a_failed_successor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "deep" / "last.ckpt"
    AtomicCheckpointIO().save_checkpoint({"x": torch.arange(3)}, path)

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match=r"No space left on device: '.*last\.ckpt'"):
        AtomicCheckpointIO().save_checkpoint({"x": torch.arange(9)}, path)
    assert torch.equal(torch.load(path, weights_only=True)["x"], torch.arange(3))
    assert [file.name for file in path.parent.iterdir()] == ["last.ckpt"]


def test_what_is_written_is_on_the_disk_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And a name in its folder, where a folder can be flushed."""
    flushed: list[str | int] = []

    def fsync(descriptor: int) -> None:
        found = os.fstat(descriptor)
        flushed.append("folder" if stat.S_ISDIR(found.st_mode) else found.st_size)

    monkeypatch.setattr("os.fsync", fsync)
    with replacing(tmp_path / "new" / "x") as file:
        file.write(b"12345")
    append_line(tmp_path / "newer" / "y", {"a": 1})
    assert flushed == [5, *(["folder"] if os.name == "posix" else []), len('{"a": 1}\n')]


def refusing(number: int, times: int = 10**9, **attributes: object):
    """A function of the system that says `times` that it cannot."""
    left = iter(range(times))

    def refuse(*arguments: object, **keywords: object) -> None:
        if next(left, None) is not None:
            error = OSError(number, os.strerror(number))
            error.__dict__.update(attributes)
            raise error

    return refuse


def test_where_there_are_no_links_a_file_is_copied_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source, target = tmp_path / "last.ckpt", tmp_path / "best.ckpt"
    source.write_text("one")
    link(source, target)
    link(source, target)
    assert target.samefile(source)
    monkeypatch.setattr("os.link", refusing(errno.EPERM))
    source.write_text("two")
    link(source, target)
    assert not target.samefile(source)
    assert target.read_text() == "two"
    assert {file.name for file in tmp_path.iterdir()} == {"last.ckpt", "best.ckpt"}


def test_a_file_is_written_where_nothing_can_be_flushed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.fsync", refusing(errno.EINVAL))
    with replacing(tmp_path / "x") as file:
        file.write(b"new")
    append_line(tmp_path / "lines", {"n": 1})
    monkeypatch.setattr("os.open", refusing(errno.EACCES))  # Windows cannot open folders
    with replacing(tmp_path / "x") as file:
        file.write(b"newer")
    assert (tmp_path / "x").read_bytes() == b"newer"


def test_a_file_that_is_being_read_on_windows_is_replaced_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    replace, refuse = Path.replace, refusing(errno.EACCES, times=2, winerror=32)
    monkeypatch.setattr(Path, "replace", lambda path, target: (refuse(), replace(path, target)))
    with replacing(tmp_path / "x") as file:
        file.write(b"new")
    assert (tmp_path / "x").read_bytes() == b"new"


@pytest.mark.parametrize("number", [None, errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP])
def test_a_lock_is_held_by_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int | None) -> None:
    """Also where the file system has none, and after a process that held it was killed."""
    if number is not None:
        monkeypatch.setattr("fcntl.flock", refusing(number))
    for _ in range(2):
        with locked(tmp_path / ".lock"), pytest.raises(Taken), locked(tmp_path / ".lock"):
            pass


def test_files_are_as_private_as_their_user_wants(tmp_path: Path) -> None:
    earlier = os.umask(0o077)
    try:
        with replacing(tmp_path / "x") as file:
            file.write(b"new")
    finally:
        os.umask(earlier)
    assert (tmp_path / "x").stat().st_mode & 0o777 == 0o600


def test_to_uint8_rounds_to_the_nearest_level_and_clamps() -> None:
    levels = torch.arange(256)
    assert torch.equal(to_uint8(levels / 127.5 - 1).long(), levels)
    assert to_uint8(torch.tensor([-3.0, 3.0])).tolist() == [0, 255]


def test_grid_places_images_row_by_row() -> None:
    images = torch.full((4, 1, 2, 2), -1.0)
    images[1] = 1.0
    picture = grid(images)
    assert picture.shape == (3, 7, 7)
    assert picture[0, 1:3, 4:6].unique().tolist() == [255]
    assert picture[0, 4:6, 1:3].unique().tolist() == [0]


def test_scatter_has_y_upwards() -> None:
    picture = scatter(torch.tensor([[0.0, 1.0]]))
    row, column = picture[0].nonzero()[0].tolist()
    assert row < 30
    assert abs(column - 128) <= 1
    assert scatter(torch.tensor([[-9.0, -9.0], [9.0, 9.0]]))[0].nonzero().tolist() == [[0, 255], [255, 0]]


def test_caption_adds_a_line_and_png_keeps_pixels(tmp_path: Path) -> None:
    picture = torch.randint(0, 256, (3, 20, 60), dtype=torch.uint8)
    page = labelled(picture, "64 images seen")
    assert page.shape == (3, 36, 60)
    assert torch.equal(page[:, :20], picture)
    assert page[:, 20:].min() < 100
    save_png(tmp_path / "a.png", picture)
    assert np.array_equal(np.asarray(Image.open(tmp_path / "a.png")), picture.permute(1, 2, 0).numpy())


def test_records_are_read_back_in_order(tmp_path: Path) -> None:
    for number in range(3):
        append_line(tmp_path / "m.jsonl", {"n": number, "pi": 0.1 + 0.2})
    assert read_lines(tmp_path / "m.jsonl") == [{"n": n, "pi": 0.1 + 0.2} for n in range(3)]
    assert read_lines(tmp_path / "none.jsonl") == []
