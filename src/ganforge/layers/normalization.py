"""Normalisation by name, as the configuration spells it, and by class."""

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from ganforge.layers.conditioning import ClassEmbedding

Normalization = Literal["batch", "layer", "instance", "unscaled_instance", "none"]


class InstanceNorm(nn.InstanceNorm2d):
    """torch's own, but where a gradient comes back to one image: there torch 2.14 has a wrong one in channels_last."""

    def forward(self, input: Tensor) -> Tensor:
        if input.requires_grad and len(input) == 1:  # batch norm, which is the same for one image, has the right one
            return functional.batch_norm(input, None, None, self.weight, self.bias, training=True, eps=self.eps)
        return super().forward(input)


def pixel_norm(features: Tensor) -> Tensor:
    """(B, C, ...) with a mean square of 1 over the channels of every pixel (Karras et al. 2018, section 4.2)."""
    squares = features.to(torch.promote_types(features.dtype, torch.float32)).square().mean(1, keepdim=True)
    return features * (squares + 1e-8).rsqrt().to(features.dtype)


def normalization2d(kind: Normalization, channels: int) -> nn.Module:
    """A normalisation of (B, C, H, W) feature maps with a learned scale and shift.

    `layer` normalises over (C, H, W) of each image and `instance` over (H, W) of each channel: both leave images
    independent of one another, which per-sample gradient penalties require (Gulrajani et al. 2017, section 4).
    `unscaled_instance` has neither scale nor shift (Zhu et al. 2017). Both refuse maps of a single pixel: ValueError.
    """
    match kind:
        case "batch":
            return nn.BatchNorm2d(channels)
        case "layer":
            return nn.GroupNorm(1, channels)
        case "instance":
            return InstanceNorm(channels, affine=True)
        case "unscaled_instance":
            return InstanceNorm(channels)
        case "none":
            return nn.Identity()


def normalization1d(kind: Normalization, features: int) -> nn.Module:
    """The same of vectors (B, features), in which what is of each image is `layer`."""
    match kind:
        case "batch":
            return nn.BatchNorm1d(features)
        case "none":
            return nn.Identity()
        case _:
            return nn.LayerNorm(features)


class ClassBatchNorm2d(nn.Module):
    """Batch norm of (B, C, H, W) with a scale and a shift for each class (Dumoulin et al. 2017, equation 5).

    Without classes it is batch norm. Scales begin at 1, shifts at 0.
    """

    def __init__(self, channels: int, num_classes: int | None) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(channels, affine=num_classes is None)
        self.embedding = None if num_classes is None else ClassEmbedding(num_classes, 2 * channels)
        if self.embedding is not None:
            nn.init.ones_(self.embedding.weight[:, :channels])
            nn.init.zeros_(self.embedding.weight[:, channels:])

    def forward(self, x: Tensor, label: Tensor | None) -> Tensor:
        normal = self.norm(x)
        if self.embedding is None:
            return normal
        scale, shift = self.embedding(label).to(normal.dtype)[:, :, None, None].chunk(2, 1)
        return torch.addcmul(shift, scale, normal)


class ModulatedBatchNorm2d(nn.Module):
    """Batch norm of (B, C, H, W) with a scale 1 + g and a shift that are functions of a condition (Brock et al. 2019).

    `function(channels)` makes each of the two: a module from the condition to (B, C).
    """

    def __init__(self, channels: int, function: Callable[[int], nn.Module]) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(channels, affine=False)
        self.gain, self.shift = function(channels), function(channels)

    def forward(self, x: Tensor, condition: Tensor | None) -> Tensor:
        normal = self.norm(x)
        gain, shift = (made(condition).to(normal.dtype)[:, :, None, None] for made in (self.gain, self.shift))
        return torch.addcmul(shift, 1 + gain, normal)
