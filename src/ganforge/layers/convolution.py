"""Convolutions between an image and a single pixel, as the matrix products that they are.

They have no stride, padding, dilation or groups: the kernel covers the image once. Pixels come before channels in their
rows, which in channels_last memory is only another view of an image.
"""

from torch import Tensor, nn
from torch.nn.functional import linear


def rows(images: Tensor) -> Tensor:
    """(B, C, H, W) -> (B, H*W*C)."""
    return images.permute(0, 2, 3, 1).flatten(1)


class ToPixel(nn.Conv2d):
    """A convolution of images as large as its kernel: (B, C, k, k) -> (B, C', 1, 1)."""

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int | tuple[int, int], bias: bool = True):
        super().__init__(in_channels, out_channels, kernel_size, bias=bias)

    def forward(self, input: Tensor) -> Tensor:
        return linear(rows(input), rows(self.weight), self.bias)[:, :, None, None]


class FromPixel(nn.ConvTranspose2d):
    """A transposed convolution of pixels: (B, C, 1, 1) -> (B, C', k, k)."""

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int | tuple[int, int], bias: bool = True):
        super().__init__(in_channels, out_channels, kernel_size, bias=bias)

    def forward(self, input: Tensor, output_size: list[int] | None = None) -> Tensor:
        assert output_size is None, "the size follows from the kernel"
        pixels = (input.flatten(1) @ rows(self.weight)).unflatten(1, (*self.kernel_size, self.out_channels))
        return (pixels if self.bias is None else pixels + self.bias).permute(0, 3, 1, 2)
