"""The prior that a generator starts from."""

import math
from typing import Literal

import torch
from torch import Tensor


class Latent:
    """z (count, dim), standard normal or uniform on [-1, 1]."""

    def __init__(self, dim: int, distribution: Literal["normal", "uniform"] = "normal") -> None:
        if dim < 1:
            raise ValueError(f"the latent needs at least one dimension, got {dim}")
        if distribution not in ("normal", "uniform"):
            raise ValueError(f"the latent is normal or uniform, not {distribution!r}")
        self.dim = dim
        self.distribution = distribution

    def sample(
        self,
        count: int,
        device: torch.device | None = None,
        generator: torch.Generator | None = None,
        truncation: float | None = None,
    ) -> Tensor:
        """`truncation` conditions every coordinate on |z| <= truncation (Brock et al. 2019, section 3.1)."""
        if truncation is not None:
            return self._truncated(torch.rand(count, self.dim, device=device, generator=generator), truncation)
        if self.distribution == "normal":
            return torch.randn(count, self.dim, device=device, generator=generator)
        return torch.rand(count, self.dim, device=device, generator=generator) * 2 - 1

    def _truncated(self, share: Tensor, bound: float) -> Tensor:
        """The quantiles `share` of the truncated distribution."""
        if not bound > 0:
            raise ValueError(f"truncation must be positive, got {bound}")
        symmetric = share.double().clamp_min(2**-25) * 2 - 1
        if self.distribution == "normal":
            quantiles = (symmetric * math.erf(bound / math.sqrt(2))).erfinv() * math.sqrt(2)
        else:
            quantiles = symmetric * min(bound, 1)
        return quantiles.to(share.dtype)
