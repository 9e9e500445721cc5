"""Twice and half the resolution through the lowpass filter [1, 3, 3, 1] (Karras et al. 2020, "Analyzing and Improving
the Image Quality of StyleGAN"; Zhang 2019, "Making Convolutional Networks Shift-Invariant Again").

Beyond their borders images are zero. The filter stays a convolution of each channel on its own: folded into the
convolution beside it, it would make a kernel of four times as many weights.
"""

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, conv_transpose2d

TAPS = (1.0, 3.0, 3.0, 1.0)


class Lowpass(nn.Module):
    """The filter along the rows and columns of every channel, times `gain`.

    (B, C, H, W) -> (B, C, H', W') with H' = (H + 2 padding - 4) / stride + 1, rounded down.
    """

    kernel: Tensor

    def __init__(self, padding: int, stride: int = 1, gain: float = 1.0) -> None:
        super().__init__()
        self.padding, self.stride = padding, stride
        taps = torch.tensor(TAPS) / sum(TAPS)
        self.register_buffer("kernel", gain * torch.outer(taps, taps)[None, None])

    def forward(self, images: Tensor) -> Tensor:
        channels = images.shape[1]
        kernel = self.kernel.expand(channels, -1, -1, -1)
        return conv2d(images, kernel, None, self.stride, self.padding, groups=channels)


class Upsample(Lowpass):
    """(B, C, H, W) -> (B, C, 2H, 2W): zeros between the pixels, then the filter. Inside this is bilinear."""

    def __init__(self) -> None:
        super().__init__(padding=1, stride=2, gain=4.0)

    def forward(self, images: Tensor) -> Tensor:
        channels = images.shape[1]
        kernel = self.kernel.expand(channels, -1, -1, -1)
        return conv_transpose2d(images, kernel, None, self.stride, self.padding, groups=channels)


class Downsample(Lowpass):
    """(B, C, H, W) -> (B, C, H/2, W/2): the filter, then every other pixel."""

    def __init__(self) -> None:
        super().__init__(padding=1, stride=2)


class UpsampledConvolution(Lowpass):
    """A 3x3 convolution of images with zeros between their pixels, then the filter: (B, C, H, W) -> (B, C', 2H, 2W).

    With the filter first, as upsampling has it, the values would be the same, as nothing is cut off in between; the
    convolution would have four times the products. `weight` is (C', C, 3, 3), turned by 180 degrees.
    """

    def __init__(self) -> None:
        super().__init__(padding=1, gain=4.0)

    def forward(self, images: Tensor, weight: Tensor) -> Tensor:  # type: ignore[override]
        return super().forward(conv_transpose2d(images, weight.transpose(0, 1), None, 2))
