"""In which precision terms are computed, whatever that of the networks."""

import torch
from torch import Tensor


def full(tensor: Tensor) -> Tensor:
    """In float32 where it is less precise."""
    return tensor.to(torch.promote_types(tensor.dtype, torch.float32))
