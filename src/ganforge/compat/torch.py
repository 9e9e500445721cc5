"""Private API of PyTorch 2.11 to 2.14."""

from collections.abc import Iterable

import torch
from torch import Tensor
from torch.nn.modules.batchnorm import _BatchNorm

BatchNorm = _BatchNorm
"""The base of batch norms of every dimension, and of the synchronised one."""


def unscale_before_step(optimizer: torch.optim.Optimizer) -> None:
    """A fused optimizer would take a loss scale away inside its step, after the gradients are clipped."""
    optimizer._step_supports_amp_scaling = False  # type: ignore[attr-defined]


def lerp_each_(averages: Iterable[Tensor], targets: Iterable[Tensor], weight: float) -> None:
    """average <- average + weight * (target - average) for all of them in one call, which is all that it saves."""
    torch._foreach_lerp_(list(averages), list(targets), weight)
