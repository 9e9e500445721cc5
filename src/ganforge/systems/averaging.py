"""The exponential moving average of a generator, with its memory measured in images."""

import torch
from torch import nn

from ganforge.compat.torch import lerp_each_

RAMP_UP = 0.05
"""The half-life never exceeds this share of the images seen, so that the initial weights are soon forgotten
(Karras et al. 2020, stylegan2-ada's `ema_rampup`)."""


def decay(images: int, images_seen: int, half_life: float) -> float:
    """The weight that the average keeps when `images` more have been seen, `images_seen` in all."""
    if half_life == 0:
        return 0.0
    return 0.5 ** (images / min(half_life, RAMP_UP * images_seen))


@torch.no_grad()
def update_average(average: nn.Module, live: nn.Module, decay: float) -> None:
    """average <- decay * average + (1 - decay) * live for parameters; buffers (batch statistics) are copied."""
    lerp_each_(average.parameters(), live.parameters(), 1 - decay)
    for averaged, current in zip(average.buffers(), live.buffers(), strict=True):
        averaged.copy_(current)
