"""Packed arrays and pictures that claim or unpack to more than there is memory, or that are programs."""

import io
import pickle
import struct
import time
import zipfile
import zlib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import EpsImagePlugin, Image

from ganforge.artifacts.images import read_image
from ganforge.data.arrays import Arrays

from ..data.test_files import DESCRIBED
from .commands import Commands
from .conftest import mostly_slow, refused_in_a_line


def packed(method: int = zipfile.ZIP_DEFLATED, **members: bytes) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", method) as npz:
        for name, data in members.items():
            npz.writestr(f"{name}.npy", data)
    return content.getvalue()


def array(shape: tuple[int, ...], data: bytes, kind: str = "|u1") -> bytes:
    """A .npy that claims `shape`, whatever it has."""
    header = str({"descr": kind, "fortran_order": False, "shape": shape}).encode().ljust(117) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + data


def claiming(content: bytes, unpacked: int) -> bytes:
    """A zip whose directory says that its first member has `unpacked` bytes."""
    place = content.rindex(b"PK\x01\x02") + 24
    return content[:place] + struct.pack("<I", unpacked) + content[place + 4 :]


def zeros(gigabytes: int) -> bytes:
    """The same deflated block over and over: a true bomb, made in no time."""
    count = gigabytes * 2**30 // 2**20
    packer = zlib.compressobj(wbits=-15)
    block = packer.compress(bytes(2**20)) + packer.flush(zlib.Z_FULL_FLUSH)
    header = array((count, 2**10, 2**10), b"")
    first = zlib.compressobj(wbits=-15)
    stream = first.compress(header) + first.flush(zlib.Z_FULL_FLUSH) + block * count + b"\x03\x00"
    return raw_zip("images.npy", stream, len(header) + count * 2**20)


def raw_zip(name: str, deflated: bytes, size: int) -> bytes:
    """A zip of one member without its checksum."""
    numbers = struct.pack("<HHIIIHH", 0, 0, 0, len(deflated), size, len(name), 0)
    local = b"PK\x03\x04" + struct.pack("<HHH", 20, 0, 8) + numbers + name.encode() + deflated
    central = b"PK\x01\x02" + struct.pack("<HHHH", 20, 20, 0, 8) + numbers + bytes(14) + name.encode()
    end = b"PK\x05\x06" + struct.pack("<HHHHIIH", 0, 0, 1, 1, len(central), len(local), 0)
    return local + central + end


GRAY = array((20, 8, 8), bytes(20 * 64))
NPZ: dict[str, Callable[[], bytes]] = {
    "100 GB in the header": lambda: packed(images=array((10**8, 32, 32), bytes(4 * 10**7))),
    "4 GB in the directory": lambda: claiming(packed(images=array((2**22, 32, 32), bytes(10**6))), 2**32 - 2),
    "2 GB of zeros": lambda: zeros(2),
    "beyond 64 bits": lambda: packed(images=array((2**62, 2**62, 3), bytes(10))),
    "negative": lambda: packed(images=array((-3, 8, 8), bytes(10))),
    "no pixels": lambda: packed(images=array((20, 0, 0), b"")),
    "no images": lambda: packed(images=array((0, 8, 8), b"")),
    "pickle inside": lambda: packed(images=array((2,), pickle.dumps([1, 2]), "|O")),
    "pickle": lambda: pickle.dumps([1]),
    "array alone": lambda: GRAY,
    "endless classes": lambda: packed(images=GRAY, labels=array((20,), struct.pack("<20q", *[2**62] * 20), "<i8")),
    "classes beyond 63 bits": lambda: packed(images=GRAY, labels=array((20,), b"\xff" * 160, "<u8")),
    "code for a header": lambda: packed(images=GRAY.replace(b"'shape': (20, 8, 8)", b"'shape': (exit(), )")),
    "deep header": lambda: packed(images=array((), b"").replace(b"()", b"(" * 50)),
    "hidden parent": lambda: packed(**{"../images": GRAY}),
}


@pytest.mark.parametrize("case", NPZ)
def test_packed_arrays_are_refused_in_no_time(tmp_path: Path, case: str) -> None:
    (tmp_path / "x.npz").write_bytes(NPZ[case]())
    began = time.process_time()
    with pytest.raises(ValueError, match=r"x\.npz") as caught:
        Arrays(path=str(tmp_path / "x.npz"), held_out=0.5, **DESCRIBED).load_splits()
    assert "\n" not in str(caught.value)
    assert time.process_time() - began < 5


@pytest.mark.parametrize("case", mostly_slow(NPZ, "100 GB in the header"))
def test_packed_arrays_of_a_stranger(commands: Commands, tmp_path: Path, case: str) -> None:
    """In a process that may have 8 GiB; it would be killed by the system where it took more."""
    (tmp_path / "x.npz").write_bytes(NPZ[case]())
    result = commands("train", "data=arrays", "data.path=x.npz", f"paths.outputs={tmp_path}/outputs", cwd=tmp_path)
    assert refused_in_a_line(result), result
    assert "x.npz" in result.errors
    assert sorted(path.name for path in tmp_path.iterdir()) == ["x.npz"]


def test_black_images_are_no_bomb(tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "x.npz", images=np.zeros((5000, 64, 64), np.uint8))
    assert (tmp_path / "x.npz").stat().st_size * 500 < 5000 * 64 * 64
    data = Arrays(path=str(tmp_path / "x.npz"), held_out=0.5, **DESCRIBED)
    data.load_splits()
    assert torch.equal(data.train_split.images, torch.zeros(2500, 1, 64, 64, dtype=torch.uint8))


def test_picture_that_would_be_a_program_is_not_run(
    tmp_path: Path, marker: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """EPS is code, which Pillow hands to Ghostscript; here a script stands for it."""
    ghostscript = tmp_path / "bin" / "gs"
    ghostscript.parent.mkdir()
    ghostscript.write_text(f"#!/bin/sh\ntouch {marker}\n")
    ghostscript.chmod(0o755)
    monkeypatch.setenv("PATH", str(ghostscript.parent), prepend=":")
    monkeypatch.setattr(EpsImagePlugin, "gs_binary", None)
    Image.new("RGB", (8, 8)).save(tmp_path / "x.eps")
    path = (tmp_path / "x.eps").rename(tmp_path / "x.png")
    with pytest.raises(ValueError, match=r"x\.png is not a readable image"):
        read_image(path, (3, 8, 8))
    assert not marker.exists()
    with suppress(OSError), Image.open(path) as image:
        image.load()
    assert marker.exists(), "Pillow would have run it"


def test_picture_of_billions_of_pixels_is_refused(tmp_path: Path) -> None:
    content = io.BytesIO()
    Image.new("1", (20_000, 20_000)).save(content, "png")
    (tmp_path / "x.png").write_bytes(content.getvalue())
    assert len(content.getvalue()) < 100_000
    with pytest.raises(ValueError, match=r"x\.png is not a readable image: .*decompression bomb"):
        read_image(tmp_path / "x.png", (3, 8, 8))


def test_a_file_name_with_a_line_break_hides_no_reason(commands: Commands, tmp_path: Path) -> None:
    folder = tmp_path / "photos\nerror: none"
    folder.mkdir()
    (folder / "a.png").write_bytes(b"")
    result = commands("train", "data=folder", "data.path='photos\nerror: none'", "metrics=none", cwd=tmp_path)
    assert refused_in_a_line(result)
    assert r"photos\nerror: none/a.png is not a readable image: cannot identify" in result.errors
    result = commands("compare", "photos\nerror: none", cwd=tmp_path)
    assert refused_in_a_line(result)
    assert "holds no run" in result.errors
