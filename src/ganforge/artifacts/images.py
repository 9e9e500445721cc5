"""Pictures of samples."""

import math
from pathlib import Path

import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor
from torchvision.utils import make_grid

from ganforge.artifacts.files import replacing

SIDE = 256
POINT_LIMIT = 1.1


def to_uint8(images: Tensor) -> Tensor:
    """[-1, 1] -> the nearest of 0..255, as an image viewer will show it; points (B, 2, 1, 1) stay what they are."""
    if is_points(images) or images.dtype == torch.uint8:
        return images
    return images.add(1).mul(127.5).round().clamp(0, 255).to(torch.uint8)


def is_points(images: Tensor) -> bool:
    return images.shape[1:] == (2, 1, 1)


def grid(images: Tensor) -> Tensor:
    """A nearly square picture (C, H, W) uint8 of images (B, C, H, W), or of points as a scatter plot."""
    if is_points(images):
        return scatter(images.flatten(1))
    columns = math.ceil(math.sqrt(len(images)))
    return make_grid(to_uint8(images.cpu()), nrow=columns, padding=1, pad_value=128)


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


def _pillow(picture: Tensor) -> Image.Image:
    array = picture.cpu().movedim(0, -1).contiguous().numpy()
    return Image.fromarray(array[..., 0] if array.shape[-1] == 1 else array)
