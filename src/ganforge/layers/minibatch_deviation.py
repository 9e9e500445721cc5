"""How much images differ from one another, as a feature of each (Karras et al. 2018, "Progressive Growing of GANs for
Improved Quality, Stability, and Variation", section 3)."""

from typing import ClassVar

import torch
from torch import Tensor, nn

EPSILON = 1e-8


class MinibatchDeviation(nn.Module):
    """features (B, C, H, W) -> (B, C + `maps`, H, W), with the standard deviation over groups of images appended.

    Image number i of B is in group i mod (B / group_size). Deviations are taken at every place of every channel, and
    averaged over the places and channels of each of `maps` equal parts of the channels. Groups are the largest of at
    most `group_size` images into which the batch can be divided.
    """

    mixes_images: ClassVar = True
    """Read where each image needs a gradient of its own."""

    def __init__(self, group_size: int = 4, maps: int = 1) -> None:
        super().__init__()
        if min(group_size, maps) < 1:
            raise ValueError(f"a group has at least 1 image, and there is at least 1 map, not {group_size} and {maps}")
        self.group_size, self.maps = group_size, maps

    def forward(self, features: Tensor) -> Tensor:
        batch, _, height, width = features.shape
        members = next(size for size in range(min(self.group_size, batch), 0, -1) if batch % size == 0)
        groups = features.to(torch.promote_types(features.dtype, torch.float32)).unflatten(0, (members, -1))
        deviations = (groups - groups.mean(0)).square().mean(0).add(EPSILON).sqrt()
        means = deviations.unflatten(1, (self.maps, -1)).mean((2, 3, 4))
        planes = means.to(features.dtype).repeat(members, 1)[:, :, None, None].expand(-1, -1, height, width)
        return torch.cat([features, planes], 1)
