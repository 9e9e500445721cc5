"""The exponential moving average of a generator, with its memory measured in images."""

import torch
from torch import nn

from ganforge.compat.torch import lerp_each_

RAMP_UP = 0.05
"""A constant half-life never exceeds this share of the images seen, so that the initial weights are soon forgotten
(Karras et al. 2020, stylegan2-ada's `ema_rampup`)."""


def decay(images: int, half_life: float) -> float:
    """The weight that the average keeps when `images` more have been seen."""
    return 0.5 ** (images / half_life) if half_life else 0.0


@torch.no_grad()
def update_average(average: nn.Module, live: nn.Module, decay: float) -> None:
    """average <- decay * average + (1 - decay) * live for parameters; buffers (batch statistics) are copied."""
    lerp_each_(average.parameters(), live.parameters(), 1 - decay)
    for averaged, current in zip(average.buffers(), live.buffers(), strict=True):
        averaged.copy_(current)
