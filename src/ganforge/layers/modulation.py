"""Convolutions whose input channels are scaled image by image (Karras et al. 2020, "Analyzing and Improving the Image
Quality of StyleGAN", section 2.2)."""

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d

from ganforge.layers.resampling import UpsampledConvolution
from ganforge.precision import unrounded


class ModulatedConv2d(nn.Module):
    """features (B, C, H, W) and styles (B, C) -> convolution + `shift`, (B, C', H, W), or `doubled`.

    The weights are those of equation 1, w' = style w / sqrt(inputs of a pixel). With a `deviation` they are demodulated
    by equation 3, with an epsilon of 1e-8 below the root of the published code, to give outputs this deviation where
    inputs have one of 1. Not the weights but the features are scaled, before and after: so all images share one
    convolution, in place of one with a group for each.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        doubled: bool = False,
        deviation: float | None = 1.0,
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(out_channels, in_channels, kernel_size, kernel_size))
        self.scale = 1 / math.sqrt(in_channels * kernel_size**2)
        self.upsampled = UpsampledConvolution() if doubled else None
        self.deviation = deviation

    def forward(self, features: Tensor, style: Tensor, shift: Tensor) -> Tensor:
        """`shift` can be broadcast to the outputs."""
        style = style * self.scale
        features = features * spatial(style, features)
        if self.upsampled is None:
            features = conv2d(features, self.weight, None, padding=self.weight.shape[-1] // 2)
        else:
            features = self.upsampled(features, self.weight)
        shift = shift.to(features.dtype)
        if self.deviation is None:
            return features + shift
        return torch.addcmul(shift, features, spatial(self.deviation * self.demodulation(style), features))

    def demodulation(self, style: Tensor) -> Tensor:
        """What gives outputs (B, C') a deviation of 1, for a `style` in which the scale is."""
        with unrounded(style):
            squares = style.square() @ self.weight.square().sum((2, 3)).T
            return (squares + 1e-8 * self.scale**2).rsqrt()


def spatial(factors: Tensor, features: Tensor) -> Tensor:
    """(B, C) -> (B, C, 1, 1), in the precision of `features`."""
    return factors.to(features.dtype)[:, :, None, None]
