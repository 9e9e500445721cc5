"""Networks that grow while they learn (Karras et al. 2018, "Progressive Growing of GANs for Improved Quality,
Stability, and Variation", section 2)."""

import math
from typing import Any

import torch
from torch import Tensor, nn


class Growing(nn.Module):
    """A network with `levels` that doublings of the resolution follow one another; all are there from the start.

    `level`, from 0 to `levels`, is how many are in use: at 2.3 two are, and the third one's share of the image is 0.3.
    The buffer goes with the weights into every copy and file. What a forward pass computes follows from its whole part,
    which must be known without waiting for a device: `whole` doublings are complete, `top` is the last one in use.
    """

    level: Tensor

    def __init__(self, levels: int) -> None:
        super().__init__()
        self.levels = levels
        self.register_buffer("level", torch.tensor(float(levels)))
        self.register_load_state_dict_post_hook(follow_buffer)
        self.remember(float(levels))

    def grow(self, level: float) -> None:
        """Use so many levels; ValueError where there are not as many."""
        self.remember(torch.tensor(level, dtype=self.level.dtype, device="cpu").item())
        self.level.fill_(self.grown)

    def remember(self, level: float) -> None:
        if not 0 <= level <= self.levels:
            raise ValueError(f"a network with {self.levels} levels cannot use {level} of them")
        self.grown, self.whole, self.top = level, math.floor(level), math.ceil(level)

    def share(self, images: Tensor) -> Tensor:
        """How much of the image comes from the last level, in the precision of `images`."""
        return (self.level - self.whole).to(images.dtype)


def follow_buffer(network: Growing, _: Any) -> None:
    """After a state was loaded."""
    network.remember(network.level.item())
