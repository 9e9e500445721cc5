"""Residual blocks that double or halve the resolution (Gulrajani et al. 2017, appendix F; Miyato et al. 2018, table 4).

A 3x3 convolution after nearest upsampling, or before a mean of 2x2 pixels, is here one strided 4x4 convolution: 16
products in the place of 36. Its kernel is made of the 3x3 weights, which stay the parameters; the values are the same.
"""

import math
from collections.abc import Callable
from typing import Literal

from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, conv2d, conv_transpose2d, interpolate, relu

from ganforge.layers.equalized import EqualizedConv2d
from ganforge.layers.initialization import glorot_
from ganforge.layers.spectral import SNConv2d, kernel

Upsampling = Literal["nearest", "bilinear"]


def doubled_before(convolution: nn.Conv2d, images: Tensor) -> Tensor:
    """A 3x3 convolution that keeps the size, of images (B, C, H, W) repeated to (B, C, 2H, 2W)."""
    weight, bias = used(convolution)
    overlapping = 4 * avg_pool2d(weight.flip(2, 3).transpose(0, 1), 2, 1, 1)
    return conv_transpose2d(images, overlapping, bias, 2, 1)


def halved_after(convolution: nn.Conv2d, images: Tensor) -> Tensor:
    """Means over 2x2 pixels of a 3x3 convolution that keeps the size: (B, C, H, W) -> (B, C', H/2, W/2)."""
    weight, bias = used(convolution)
    return conv2d(images, avg_pool2d(weight, 2, 1, 1), bias, 2, 1)


def used(convolution: nn.Conv2d) -> tuple[Tensor, Tensor | None]:
    """The weights and the bias that one pass of it computes with."""
    if isinstance(convolution, EqualizedConv2d):
        return convolution.kernel(), convolution.shift()
    return kernel(convolution), convolution.bias


def same(inputs: int, outputs: int, spectral_norm: bool = False) -> nn.Conv2d:
    """A 3x3 convolution that keeps the size, with initial weights for the rectifier before it."""
    layer = (SNConv2d if spectral_norm else nn.Conv2d)(inputs, outputs, 3, padding=1)
    glorot_(layer, math.sqrt(2))
    return layer


def pointwise(inputs: int, outputs: int, spectral_norm: bool = False) -> nn.Conv2d:
    layer = (SNConv2d if spectral_norm else nn.Conv2d)(inputs, outputs, 1)
    glorot_(layer)
    return layer


class UpBlock(nn.Module):
    """features (B, inputs, H, W) -> (B, outputs, 2H, 2W), under a `condition` of which only the norms know.

    `norm(channels)` makes one that is called with features and condition, such as a `ClassBatchNorm2d`. The shortcut's
    1x1 convolution comes before its upsampling: they commute.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        norm: Callable[[int], nn.Module],
        upsampling: Upsampling = "nearest",
        spectral_norm: bool = False,
    ) -> None:
        super().__init__()
        self.upsampling = upsampling
        self.first_norm = norm(inputs)
        self.first = same(inputs, outputs, spectral_norm)
        self.second_norm = norm(outputs)
        self.second = same(outputs, outputs, spectral_norm)
        self.shortcut = pointwise(inputs, outputs, spectral_norm)

    def forward(self, x: Tensor, condition: Tensor | None) -> Tensor:
        features = relu(self.first_norm(x, condition), inplace=True)
        if self.upsampling == "nearest":
            features = doubled_before(self.first, features)
        else:
            features = self.first(self.doubled(features))
        features = self.second(relu(self.second_norm(features, condition), inplace=True))
        return features + self.doubled(self.shortcut(x))

    def doubled(self, images: Tensor) -> Tensor:
        return interpolate(images, scale_factor=2, mode=self.upsampling)


class DownBlock(nn.Module):
    """features (B, inputs, H, W) -> (B, outputs, H/2, W/2), or of the same size where they are not `halved`.

    The `first` block of a network sees images, which it does not rectify. The shortcut has a 1x1 convolution where the
    shape changes; it commutes with the mean, and comes after it.
    """

    def __init__(
        self, inputs: int, outputs: int, halved: bool = True, first: bool = False, spectral_norm: bool = True
    ) -> None:
        super().__init__()
        self.halved, self.rectified = halved, not first
        self.first = same(inputs, outputs, spectral_norm)
        self.second = same(outputs, outputs, spectral_norm)
        self.shortcut = pointwise(inputs, outputs, spectral_norm) if halved or inputs != outputs else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        features = relu(self.first(relu(x) if self.rectified else x), inplace=True)
        if self.halved:
            return halved_after(self.second, features) + self.shortcut(avg_pool2d(x, 2))
        return self.second(features) + self.shortcut(x)
