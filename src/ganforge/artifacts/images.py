"""Pictures of samples."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont, ImageOps
from PIL.TiffImagePlugin import PHOTOMETRIC_INTERPRETATION
from torch import Tensor
from torchvision.utils import make_grid

from ganforge.artifacts.files import replacing

SIDE = 256
POINT_LIMIT = 1.1
FORMATS = ("PNG", "JPEG", "BMP", "GIF", "WEBP", "TIFF", "PPM")
"""What is read, whatever a file is called: Pillow would hand others, such as EPS, to programs that execute them."""

WHITE_IS_ZERO = 0
ORIENTATION, TURNED = 0x0112, (5, 6, 7, 8)
"""The EXIF tag that says how a camera was held, and its values that exchange width and height."""


def to_uint8(images: Tensor) -> Tensor:
    """[-1, 1] -> the nearest of 0..255, as an image viewer will show it; points (B, 2, 1, 1) stay what they are."""
    if is_points(images) or images.dtype == torch.uint8:
        return images
    return images.add(1).mul(127.5).round().clamp(0, 255).to(torch.uint8)


def is_points(images: Tensor) -> bool:
    return images.shape[1:] == (2, 1, 1)


def grid(images: Tensor, columns: int | None = None) -> Tensor:
    """A picture (C, H, W) uint8 of images (B, C, H, W), nearly square by default, or of points as a scatter plot."""
    if is_points(images):
        return scatter(images.flatten(1))
    columns = columns or math.ceil(math.sqrt(len(images)))
    return make_grid(to_uint8(images.cpu()), nrow=columns, padding=1, pad_value=128)


def enlarged(images: Tensor) -> Tensor:
    """Every pixel of images (..., H, W) as a square of equal ones, so that the longer side comes near SIDE."""
    factor = max(1, SIDE // max(images.shape[-2:]))
    return images.repeat_interleave(factor, -1).repeat_interleave(factor, -2)


def scatter(points: Tensor) -> Tensor:
    """Points (N, 2) in [-1, 1] as white dots on black, (1, SIDE, SIDE) uint8; the y axis points up."""
    pixel = ((points.cpu() / POINT_LIMIT * 0.5 + 0.5) * SIDE).long().clamp(0, SIDE - 1)
    picture = torch.zeros(1, SIDE, SIDE, dtype=torch.uint8)
    picture[0, SIDE - 1 - pixel[:, 1], pixel[:, 0]] = 255
    return picture


def labelled(picture: Tensor, text: str) -> Tensor:
    """The picture with a caption line below."""
    _, height, width = picture.shape
    page = Image.new("RGB", (width, height + 16), "white")
    page.paste(_pillow(picture), (0, 0))
    ImageDraw.Draw(page).text((3, height + 2), text, fill="black", font=ImageFont.load_default(11))
    return torch.frombuffer(bytearray(page.tobytes()), dtype=torch.uint8).view(height + 16, width, 3).movedim(-1, 0)


def save_png(path: Path, picture: Tensor) -> None:
    with replacing(path) as file:
        _pillow(picture).save(file, format="png")


def save_animation(path: Path, frames: Tensor, milliseconds: int = 60) -> None:
    """Pictures (F, C, H, W) uint8 played for ever, as what the suffix of `path` says: .gif, or .png for an APNG."""
    first, *others = map(_pillow, frames)
    with replacing(path) as file:
        first.save(file, path.suffix[1:], save_all=True, append_images=others, duration=milliseconds, loop=0)


def read_image(path: Path, shape: tuple[int, ...]) -> Tensor:
    """The centre of any picture as (C, H, W) uint8 of this shape; transparency is laid on white.

    ValueError names a file that is no picture, whatever its bytes are.
    """
    return _centre(_decoded(path, "L" if shape[0] == 1 else "RGB"), shape)


def read_whole_image(path: Path, channels: int) -> Tensor:
    """All of any picture as (C, H, W) uint8 of its own size, as of `read_image`."""
    return _pixels(_decoded(path, "L" if channels == 1 else "RGB"))


def size_of(path: Path) -> tuple[int, int]:
    """(H, W) of what `read_whole_image` reads, without decoding it."""
    try:
        with Image.open(path, formats=FORMATS) as opened:
            turned = opened.getexif().get(ORIENTATION, 1) in TURNED
            width, height = opened.size
    except Exception as error:  # Pillow raises nearly anything for bytes that were tampered with
        raise ValueError(f"{path} is not a readable image: {error}") from error
    return (width, height) if turned else (height, width)


def read_halves(path: Path, left: tuple[int, ...], right: tuple[int, ...]) -> tuple[Tensor, Tensor]:
    """The centres of the left and of the right half of a picture, as of `read_image`."""
    both = _decoded(path, "L" if left[0] == right[0] == 1 else "RGB")
    middle, odd = divmod(both.width, 2)
    if odd:
        raise ValueError(f"{path} is {both.width} pixels wide, an odd number: its halves are to be one picture each")
    boxes = ((0, 0, middle, both.height), (middle, 0, both.width, both.height))
    first, second = (_centre(both.crop(box), shape) for box, shape in zip(boxes, (left, right), strict=True))
    return first, second


def _decoded(path: Path, mode: str) -> Image.Image:
    try:
        with Image.open(path, formats=FORMATS) as opened:
            image = eight_bits(ImageOps.exif_transpose(opened), getattr(opened, "tag_v2", {}))
            if image.has_transparency_data:
                image = image.convert("RGBA")
                image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
            image.load()
            return image.convert(mode)
    except Exception as error:  # Pillow raises nearly anything for bytes that were tampered with
        raise ValueError(f"{path} is not a readable image: {error}") from error


def _centre(image: Image.Image, shape: tuple[int, ...]) -> Tensor:
    channels, height, width = shape
    image = image.convert("L" if channels == 1 else "RGB")
    return _pixels(ImageOps.fit(image, (width, height), Image.Resampling.LANCZOS))


def _pixels(image: Image.Image) -> Tensor:
    return torch.from_numpy(np.array(image).reshape(image.height, image.width, -1)).movedim(-1, 0)


def eight_bits(image: Image.Image, tiff_tags: Mapping[int, Any]) -> Image.Image:
    """An image of 16 bits with 8, any other as it is; ValueError where nothing says which value is white."""
    if image.mode == "F" or (image.mode == "I" and tiff_tags):
        kind = "floats" if image.mode == "F" else "signed or 32-bit integers"
        raise ValueError(f"its pixels are {kind}, of which nothing says what is white; save it with 8 or 16 bits")
    if not image.mode.startswith("I"):
        return image
    levels = np.asarray(image)
    grey = Image.fromarray((levels >> 8).astype(np.uint8))
    if tiff_tags.get(PHOTOMETRIC_INTERPRETATION) == WHITE_IS_ZERO:
        grey = ImageOps.invert(grey)
    if "transparency" in image.info:
        grey.putalpha(Image.fromarray(np.where(levels == image.info["transparency"], 0, 255).astype(np.uint8)))
    return grey


def _pillow(picture: Tensor) -> Image.Image:
    array = picture.cpu().movedim(0, -1).contiguous().numpy()
    return Image.fromarray(array[..., 0] if array.shape[-1] == 1 else array)
