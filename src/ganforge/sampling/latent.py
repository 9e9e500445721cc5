"""The prior that a generator starts from."""

import math
from collections.abc import Mapping
from typing import Literal

import torch
from torch import Tensor

from ganforge.interfaces import Codes

FARTHEST = 2.0
ROWS = 64


class Latent:
    """z (count, dim): noise, standard normal or uniform on [-1, 1], and at its end `codes`, if there are any.

    These are the arguments of `Codes`. Values of categorical codes are equally likely, continuous codes uniform on
    [-1, 1] (Chen et al. 2016, section 7).
    """

    def __init__(
        self,
        dim: int,
        distribution: Literal["normal", "uniform"] = "normal",
        codes: Mapping[str, int | list[int]] | None = None,
    ) -> None:
        if dim < 1:
            raise ValueError(f"the latent needs at least one dimension, got {dim}")
        if distribution not in ("normal", "uniform"):
            raise ValueError(f"the latent is normal or uniform, not {distribution!r}")
        self.dim = dim
        self.distribution = distribution
        self.codes: Codes | None = None if codes is None else Codes(**codes)  # type: ignore[arg-type]
        self.noise_dim = dim - (0 if self.codes is None else self.codes.size)
        if self.noise_dim < 1:
            raise ValueError(f"model.latent.dim={dim} leaves no noise beside codes of {dim - self.noise_dim} numbers")

    def sample(
        self,
        count: int,
        device: torch.device | None = None,
        generator: torch.Generator | None = None,
        truncation: float | None = None,
    ) -> Tensor:
        """`truncation` conditions all noise on |z| <= truncation (Brock et al. 2019, section 3.1)."""
        noise = self._noise(count, device, generator, truncation)
        if self.codes is None:
            return noise
        indices = [torch.randint(k, (count,), device=device, generator=generator) for k in self.codes.categorical]
        continuous = torch.rand(count, self.codes.continuous, device=device, generator=generator) * 2 - 1
        parts = [one_hot(index, k) for index, k in zip(indices, self.codes.categorical, strict=True)]
        return torch.cat([noise, *parts, continuous], 1)

    def traverse(self, latents: Tensor) -> Tensor:
        """Latents (columns, dim) -> (rows, columns, dim) that show what each code does (Chen et al. 2016, figure 2).

        A row for each value of each categorical code, ROWS at most of one: all of `latents`, with this value. Then a
        row for each continuous code: the first of `latents`, with this code from -2 to 2, as far as in the paper.
        """
        assert self.codes is not None
        first, rows = self.noise_dim, []
        for values in self.codes.categorical:
            for vector in torch.eye(values)[:ROWS]:
                rows.append(replaced(latents, first, vector))
            first += values
        for place in range(first, self.dim):
            steps = torch.linspace(-FARTHEST, FARTHEST, len(latents))[:, None]
            rows.append(replaced(latents[:1].expand_as(latents), place, steps))
        return torch.stack(rows)

    def _noise(
        self, count: int, device: torch.device | None, generator: torch.Generator | None, truncation: float | None
    ) -> Tensor:
        if truncation is not None:
            return self._truncated(torch.rand(count, self.noise_dim, device=device, generator=generator), truncation)
        if self.distribution == "normal":
            return torch.randn(count, self.noise_dim, device=device, generator=generator)
        return torch.rand(count, self.noise_dim, device=device, generator=generator) * 2 - 1

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


def one_hot(index: Tensor, values: int) -> Tensor:
    """(B,) -> (B, values)."""
    return (index[:, None] == torch.arange(values, device=index.device)).float()


def replaced(latents: Tensor, first: int, numbers: Tensor) -> Tensor:
    """`latents` with `numbers` from place `first` on."""
    copy = latents.clone()
    copy[:, first : first + numbers.shape[-1]] = numbers
    return copy
