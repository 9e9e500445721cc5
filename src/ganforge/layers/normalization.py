"""Normalisation by name, as the configuration spells it."""

from typing import Literal

from torch import nn

Normalization = Literal["batch", "layer", "instance", "unscaled_instance", "none"]


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
            return nn.InstanceNorm2d(channels, affine=True)
        case "unscaled_instance":
            return nn.InstanceNorm2d(channels)
        case "none":
            return nn.Identity()
