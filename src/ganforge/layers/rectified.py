"""Equalised layers with a leaky rectifier after them (Karras et al. 2020, "Analyzing and Improving the Image Quality of
StyleGAN"): values and biases alike are `gain` times as large after it. It keeps a fifth of what is negative."""

import math

import torch
from torch import Tensor
from torch.nn.functional import leaky_relu, linear

from ganforge.layers.equalized import EqualizedConv2d, EqualizedLinear

SLOPE = 0.2
GAIN = math.sqrt(2)
"""What the rectifier takes from the deviation of its inputs, about."""


def rectified(features: Tensor, bound: float | None = None) -> Tensor:
    """In place."""
    return bounded(leaky_relu(features, SLOPE, inplace=True), bound)


def bounded(features: Tensor, bound: float | None) -> Tensor:
    """In half precision no value exceeds `bound` (Karras et al. 2020, "Training Generative Adversarial Networks with
    Limited Data", appendix D); otherwise, and without one, features as they are."""
    if bound is None or features.dtype not in (torch.float16, torch.bfloat16):
        return features
    return features.clamp(-bound, bound)


class RectifiedConv2d(EqualizedConv2d):
    """gain * rectifier(convolution + bias); of half precision not beyond `clamp` times the share of GAIN in `gain`."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        stride: int = 1,
        padding: int = 0,
        gain: float = GAIN,
        clamp: float | None = None,
    ) -> None:
        super().__init__(in_channels, out_channels, kernel_size, stride, padding, gain)
        self.gain = gain
        self.bound = None if clamp is None else clamp * gain / GAIN

    def forward(self, input: Tensor) -> Tensor:
        assert self.bias is not None
        return rectified(self._conv_forward(input, self.kernel(), self.gain * self.bias), self.bound)


class RectifiedLinear(EqualizedLinear):
    """GAIN * rectifier(linear map + bias)."""

    def __init__(self, in_features: int, out_features: int, lr_multiplier: float = 1.0) -> None:
        super().__init__(in_features, out_features, GAIN, lr_multiplier)

    def forward(self, input: Tensor) -> Tensor:
        return rectified(linear(input, self.weight * self.factors["weight"], self.bias * (GAIN * self.factors["bias"])))
