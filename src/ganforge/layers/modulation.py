"""Convolutions whose input channels are scaled image by image (Karras et al. 2020, "Analyzing and Improving the Image
Quality of StyleGAN", section 2.2)."""

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d

from ganforge.layers.resampling import UpsampledConvolution


class ModulatedConv2d(nn.Module):
    """features (B, C, H, W) and styles (B, C) -> `gain` * convolution + `shift`, (B, C', H, W), or `doubled`.

    The weights are those of equation 1, w' = style w, and where `demodulated` of equation 3, with an epsilon of 1e-8
    below the root. Not they, but the features are scaled, before and after: all images share one convolution, in place
    of one with a group for each. The initial deviation is 1 / sqrt(inputs of a pixel), which demodulation undoes.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        doubled: bool = False,
        demodulated: bool = True,
        gain: float = 1.0,
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(out_channels, in_channels, kernel_size, kernel_size))
        self.scale = 1 / math.sqrt(in_channels * kernel_size**2)
        self.upsampled = UpsampledConvolution() if doubled else None
        self.demodulated, self.gain = demodulated, gain

    def forward(self, features: Tensor, style: Tensor, shift: Tensor) -> Tensor:
        """`shift` can be broadcast to the outputs."""
        style = style * self.scale
        features = features * spatial(style, features)
        if self.upsampled is None:
            features = conv2d(features, self.weight, None, padding=self.weight.shape[-1] // 2)
        else:
            features = self.upsampled(features, self.weight)
        shift = shift.to(features.dtype)
        if not self.demodulated:
            return torch.add(shift, features, alpha=self.gain)
        return torch.addcmul(shift, features, spatial(self.gain * self.demodulation(style), features))

    def demodulation(self, style: Tensor) -> Tensor:
        """(B, C'): by what the deviation of each output is to be multiplied, for the scaled `style`."""
        with torch.autocast(style.device.type, enabled=False):
            squares = style.square() @ self.weight.square().sum((2, 3)).T
            return (squares + 1e-8 * self.scale**2).rsqrt()


def spatial(factors: Tensor, features: Tensor) -> Tensor:
    """(B, C) -> (B, C, 1, 1), in the precision of `features`."""
    return factors.to(features.dtype)[:, :, None, None]
