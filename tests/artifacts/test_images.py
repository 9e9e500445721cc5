"""Pictures in and out: animations, enlarged pixels, and files that anybody may have made."""

import io
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageSequence

from ganforge.artifacts.images import enlarged, grid, read_image, save_animation, save_png


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(("suffix", "kind"), [("gif", "GIF"), ("png", "PNG")])
def test_animation_holds_every_frame_and_plays_for_ever(tmp_path: Path, suffix: str, kind: str, channels: int) -> None:
    frames = torch.randint(0, 256, (5, channels, 6, 6), dtype=torch.uint8)
    save_animation(tmp_path / f"a.{suffix}", frames, milliseconds=80)
    with Image.open(tmp_path / f"a.{suffix}") as animation:
        assert (animation.format, animation.n_frames, animation.info["loop"]) == (kind, 5, 0)
        for frame, read in zip(frames, ImageSequence.Iterator(animation), strict=True):
            assert read.info["duration"] == 80
            pixels = torch.from_numpy(np.array(read.convert("RGB"))).movedim(-1, 0)
            assert torch.equal(pixels, frame.expand(3, 6, 6))
    assert [path.name for path in tmp_path.iterdir()] == [f"a.{suffix}"]


def test_enlarged_pixels_are_squares_and_large_images_stay() -> None:
    images = torch.randint(0, 256, (2, 3, 28, 28))
    large = enlarged(images)
    assert large.shape == (2, 3, 252, 252)
    assert torch.equal(large[:, :, ::9, ::9], images)
    assert torch.equal(large[:, :, 8::9, 8::9], images)
    assert enlarged(torch.zeros(1, 300, 200)).shape == (1, 300, 200)


def test_grid_with_columns() -> None:
    assert grid(torch.zeros(6, 1, 4, 4), columns=2).shape == (3, 3 * 5 + 1, 2 * 5 + 1)


@pytest.mark.parametrize(("channels", "mode"), [(1, "L"), (3, "RGB")])
def test_picture_of_the_right_size_is_read_exactly(tmp_path: Path, channels: int, mode: str) -> None:
    picture = torch.randint(0, 256, (channels, 8, 8), dtype=torch.uint8)
    save_png(tmp_path / "a.png", picture)
    assert torch.equal(read_image(tmp_path / "a.png", (channels, 8, 8)), picture)


def test_centre_of_any_picture_is_read_and_transparency_is_white(tmp_path: Path) -> None:
    wide = Image.new("RGB", (300, 100), "red")
    wide.paste("blue", (100, 0, 200, 100))
    wide.save(tmp_path / "wide.jpg", quality=95)
    assert read_image(tmp_path / "wide.jpg", (3, 10, 10)).float().mean((1, 2)).tolist() == pytest.approx(
        [0, 0, 255], abs=12
    )
    Image.new("RGBA", (9, 9), (0, 0, 0, 0)).save(tmp_path / "clear.png")
    assert read_image(tmp_path / "clear.png", (1, 4, 4)).unique().tolist() == [255]
    Image.fromarray(np.full((9, 9), 0x8000, np.uint16)).save(tmp_path / "deep.png")
    assert read_image(tmp_path / "deep.png", (1, 4, 4)).unique().tolist() == [128]


def test_what_is_no_picture_is_named(tmp_path: Path) -> None:
    picture = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 40, 3), np.uint8)).save(picture, "png")
    broken = {"empty": b"", "text": b"hello", "half": picture.getvalue()[:999], "header": picture.getvalue()[:20]}
    for name, content in broken.items():
        (tmp_path / name).write_bytes(content)
    for name in (*broken, "missing", "."):
        with pytest.raises(ValueError, match="is not a readable image"):
            read_image(tmp_path / name, (3, 8, 8))


def test_sixteen_bits_mean_the_same_in_every_format(tmp_path: Path) -> None:
    """Also where white is zero, and where one value is transparent."""
    deep = Image.fromarray(np.full((9, 9), 0x4080, np.uint16))
    deep.save(tmp_path / "a.png")
    deep.save(tmp_path / "a.tif")
    deep.save(tmp_path / "inverse.tif", tiffinfo={262: 0})
    deep.save(tmp_path / "opaque.png", transparency=1)
    deep.save(tmp_path / "clear.png", transparency=0x4080)
    (tmp_path / "a.pgm").write_bytes(b"P5 9 9 65535\n" + np.full((9, 9), 0x4080, ">u2").tobytes())
    expected = {"a.png": 0x40, "a.tif": 0x40, "a.pgm": 0x40, "inverse.tif": 0xBF, "opaque.png": 0x40, "clear.png": 255}
    for name, value in expected.items():
        assert read_image(tmp_path / name, (1, 4, 4)).unique().tolist() == [value], name


def test_pixels_without_a_known_white_are_refused(tmp_path: Path) -> None:
    """A float of 1 or an integer of 200 would be black in 8 bits, or white: nothing says which."""
    Image.fromarray(np.ones((9, 9), np.float32)).save(tmp_path / "float.tif")
    (tmp_path / "float.ppm").write_bytes(b"Pf\n9 9\n-1.0\n" + np.ones((9, 9), "<f4").tobytes())
    Image.fromarray(np.full((9, 9), 200, np.int32)).save(tmp_path / "integer.tif")
    for name, kind in (("float.tif", "floats"), ("float.ppm", "floats"), ("integer.tif", "signed or 32-bit integers")):
        with pytest.raises(ValueError, match=f"{name} is not a readable image: its pixels are {kind}.*8 or 16 bits"):
            read_image(tmp_path / name, (1, 4, 4))
