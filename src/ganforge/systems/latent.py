"""The prior that a generator starts from."""

from typing import Literal

import torch
from torch import Tensor


class Latent:
    """z (count, dim), standard normal or uniform on [-1, 1]."""

    def __init__(self, dim: int, distribution: Literal["normal", "uniform"] = "normal") -> None:
        if dim < 1:
            raise ValueError(f"the latent needs at least one dimension, got {dim}")
        self.dim = dim
        self.distribution = distribution

    def sample(
        self, count: int, device: torch.device | None = None, generator: torch.Generator | None = None
    ) -> Tensor:
        if self.distribution == "normal":
            return torch.randn(count, self.dim, device=device, generator=generator)
        return torch.rand(count, self.dim, device=device, generator=generator) * 2 - 1
