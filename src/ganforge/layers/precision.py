"""What autocast must leave alone."""

from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor


def unrounded(tensor: Tensor) -> AbstractContextManager[None]:
    """Inside, on the device of `tensor`, layers compute in the precision of their weights."""
    if tensor.device.type == "meta":  # which has no autocast, and none to switch off
        return nullcontext()
    return torch.autocast(tensor.device.type, enabled=False)
