"""Pictures that are what they claim to be, and others."""

import base64
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from ganforge.comparison import pictures
from ganforge.comparison.pictures import last_grid, read_png
from ganforge.comparison.runs import find_runs


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def claiming(width: int, height: int) -> bytes:
    """A well-formed PNG of a few bytes that would decode to width x height."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(bytes(100))) + chunk(b"IEND", b"")


def test_the_last_grid_goes_by_its_number(make_run: Callable[..., Path]) -> None:
    folder = make_run("run", {900: 1.0, 10_000: 2.0})
    grid = last_grid(find_runs([folder])[0])
    assert grid is not None
    images, picture = grid
    assert (images, picture.width, picture.height) == (10_000, 8, 8)
    assert base64.b64decode(picture.base64) == (folder / "samples" / "000010000.png").read_bytes()


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("side", [6_000, 10_000, 30_000, 2**31 - 1])
def test_a_bomb_is_not_decoded(tmp_path: Path, side: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", lambda *_: pytest.fail("it was decoded"))
    (tmp_path / "a.png").write_bytes(claiming(side, side))
    with pytest.raises(ValueError, match=r"a\.png"):
        read_png(tmp_path / "a.png")


def test_broken_pictures_are_named(tmp_path: Path) -> None:
    Image.new("L", (8, 8)).save(tmp_path / "good.png")
    good = (tmp_path / "good.png").read_bytes()
    Image.new("L", (8, 8)).save(tmp_path / "photo.jpg")
    jpeg = (tmp_path / "photo.jpg").read_bytes()
    damaged = good[:-20] + bytes([good[-20] ^ 1]) + good[-19:]
    for content in (good[:-8], good[:40], damaged, jpeg, b"", b"<svg onload='alert(1)'/>"):
        (tmp_path / "bad.png").write_bytes(content)
        with pytest.raises(ValueError, match=r"bad\.png is not a readable PNG"):
            read_png(tmp_path / "bad.png")


def test_a_picture_of_too_many_bytes_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pictures, "BYTES", 20)
    Image.new("L", (8, 8)).save(tmp_path / "good.png")
    with pytest.raises(ValueError, match="bytes, more than"):
        read_png(tmp_path / "good.png")
