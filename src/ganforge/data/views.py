"""What a translation starts from where there are only images: a view of each, so that any data set has pairs."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional as F

from ganforge.data.bicubic import bicubic

BLANK = 128
BLOCK = 1000
LUMA = (19595, 38470, 7471)
"""0.299, 0.587 and 0.114 of ITU-R BT.601 in parts of 2**16, as Pillow has them."""


class View:
    """uint8 images (B, C, H, W) -> uint8 images (B, C', H / scale, W / scale), without chance and on any device."""

    name: ClassVar[str]
    """The word of `view=`."""
    needs: ClassVar[frozenset[str]] = frozenset({"images"})
    """As of a `FeatureExtractor`."""
    scale: int = 1
    """How many times as high and as wide as their views images are."""

    def channels(self, channels: int) -> int:
        """Those of the view of images with so many; ValueError where nothing would be left to translate."""
        return channels

    def refuse_size(self, image_size: int) -> None:
        """ValueError where images of this size have no such view."""

    def __call__(self, images: Tensor) -> Tensor:
        raise AssertionError("a subclass has the function")

    def of_many(self, images: Tensor) -> Tensor:
        """The same in blocks, for which less memory will do."""
        return torch.cat([self(block) for block in images.split(BLOCK)])


class Edges(View):
    """Black lines on white, the darker the steeper: Sobel's gradient magnitude of the luma, past the border as at it.

    A line is black where the brightness climbs by half of its range from one side of a pixel to the other.
    """

    name = "edges"

    def channels(self, channels: int) -> int:
        return 1

    def __call__(self, images: Tensor) -> Tensor:
        luma = F.pad(brightness(images).float(), (1, 1, 1, 1), mode="replicate")
        columns = luma[..., :-2, :] + 2 * luma[..., 1:-1, :] + luma[..., 2:, :]
        rows = luma[..., :-2] + 2 * luma[..., 1:-1] + luma[..., 2:]
        across, down = columns[..., 2:] - columns[..., :-2], rows[..., 2:, :] - rows[..., :-2, :]
        darkness = (across.square() + down.square()).sqrt_().div_(2)
        return 255 - darkness.round_().clamp_(max=255).byte()


class Grey(View):
    """The luma of ITU-R BT.601."""

    name = "grey"

    def channels(self, channels: int) -> int:
        if channels == 1:
            raise ValueError("view=grey is for images in colour, and these are grey already: use view=edges")
        return 1

    def __call__(self, images: Tensor) -> Tensor:
        return brightness(images)


@dataclass(frozen=True)
class LowResolution(View):
    """The means of squares of `factor` x `factor` pixels, rounded, and enlarged to the old size by bicubic splines."""

    name = "low_resolution"
    factor: int

    def __post_init__(self) -> None:
        if self.factor < 2:
            raise ValueError(f"view.factor must be at least 2, got {self.factor}")

    def refuse_size(self, image_size: int) -> None:
        if image_size % self.factor:
            raise ValueError(f"view.factor={self.factor} does not divide images of {image_size}x{image_size}")

    def __call__(self, images: Tensor) -> Tensor:
        small = F.avg_pool2d(images.float(), self.factor).round_()
        return F.interpolate(small, images.shape[-2:], mode="bicubic").round_().clamp_(0, 255).byte()


@dataclass(frozen=True)
class Downscaled(View):
    """Images `scale` times smaller, by antialiased bicubic interpolation as MATLAB's `imresize` has it, rounded."""

    name = "downscaled"
    scale: int

    def __post_init__(self) -> None:
        if self.scale < 2:
            raise ValueError(f"view.scale must be at least 2, got {self.scale}")

    def refuse_size(self, image_size: int) -> None:
        if image_size % self.scale:
            raise ValueError(f"view.scale={self.scale} does not divide images of {image_size}x{image_size}")

    def __call__(self, images: Tensor) -> Tensor:
        height, width = images.shape[-2:]
        return bicubic(images, (height // self.scale, width // self.scale))


@dataclass(frozen=True)
class Inpainting(View):
    """All but a grey centre whose sides are `share` of the image's (Pathak et al. 2016, section 3.2)."""

    name = "inpainting"
    share: float

    def __post_init__(self) -> None:
        if not 0 < self.share < 1:
            raise ValueError(f"view.share must be between 0 and 1, got {self.share}")

    def refuse_size(self, image_size: int) -> None:
        if not 0 < round(self.share * image_size) < image_size:
            raise ValueError(f"view.share={self.share} blanks nothing, or all, of images of {image_size}x{image_size}")

    def __call__(self, images: Tensor) -> Tensor:
        holed = images.clone()
        rows, columns = map(self._hole, images.shape[-2:])
        holed[..., rows, columns] = BLANK
        return holed

    def _hole(self, side: int) -> slice:
        length = round(self.share * side)
        start = (side - length) // 2
        return slice(start, start + length)


def brightness(images: Tensor) -> Tensor:
    """uint8 images of 1 or 3 channels -> (B, 1, H, W), in whole numbers, so that every device gives the same."""
    if images.shape[1] == 1:
        return images
    weighted = sum(weight * channel.int() for weight, channel in zip(LUMA, images.split(1, 1), strict=True))
    return (torch.as_tensor(weighted) + 2**15 >> 16).byte()
