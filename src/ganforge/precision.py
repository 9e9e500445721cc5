"""Where the precision of the networks' passes is not enough."""

from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor


def full(tensor: Tensor) -> Tensor:
    """In float32 where it is less precise."""
    return tensor.to(torch.promote_types(tensor.dtype, torch.float32))


def unrounded(tensor: Tensor) -> AbstractContextManager[None]:
    """Inside, on the device of `tensor`, layers compute in the precision of their weights, whatever autocast is on."""
    if tensor.device.type == "meta":  # which has no autocast, and none to switch off
        return nullcontext()
    return torch.autocast(tensor.device.type, enabled=False)
