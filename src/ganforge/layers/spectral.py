"""Spectral normalisation (Miyato et al. 2018, "Spectral Normalization for Generative Adversarial Networks").

As in the authors' code: every forward pass takes one step of power iteration, and remembers it in train mode only.
"""

import torch
from torch import Tensor, nn
from torch.nn.functional import linear


def unit(vector: Tensor) -> Tensor:
    """The same direction with length 1; zeros stay."""
    return vector / vector.norm().clamp_min(1e-12)


class SpectralNorm(nn.Module):
    """weight (rows, ...) -> weight / sigma, where sigma is an estimate of its largest singular value as a matrix.

    One step of algorithm 1: v is the direction of W^T u, u then that of W v, and sigma = u^T W v, in whose gradient u
    and v are constant (equation 12). So a turn with three passes takes three steps, and the pass of a penalty is one of
    them. The buffer `u` is all that is remembered: v follows from it. In eval mode passes leave no trace.

    Sums of products take the place of matrix products, which autocast would round.
    """

    u: Tensor

    def __init__(self, rows: int) -> None:
        super().__init__()
        self.register_buffer("u", torch.randn(rows))

    def forward(self, weight: Tensor) -> Tensor:
        return weight / (weight * self.directions(weight)).sum()

    @torch.compiler.disable
    @torch.no_grad()
    def directions(self, weight: Tensor) -> Tensor:
        """u v^T, with the shape of `weight`.

        Compiled, a pass would overwrite what the backward pass of the one before it still needs.
        """
        column = (-1, *[1] * (weight.dim() - 1))
        v = unit((weight * self.u.view(column)).sum(0))
        u = unit((weight * v).flatten(1).sum(1))
        if self.training:
            self.u.copy_(u)
        return u.view(column) * v


class SNConv2d(nn.Conv2d):
    """A convolution by W / sigma, W as a matrix with a row for each output channel."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        stride: int = 1,
        padding: int = 0,
        bias: bool = True,
    ) -> None:
        super().__init__(in_channels, out_channels, kernel_size, stride, padding, bias=bias)
        self.norm = SpectralNorm(out_channels)

    def forward(self, input: Tensor) -> Tensor:
        return self._conv_forward(input, kernel(self), self.bias)


class SNLinear(nn.Linear):
    """A linear map by W / sigma."""

    def __init__(self, in_features: int, out_features: int, bias: bool = True) -> None:
        super().__init__(in_features, out_features, bias)
        self.norm = SpectralNorm(out_features)

    def forward(self, input: Tensor) -> Tensor:
        return linear(input, self.norm(self.weight), self.bias)


def kernel(convolution: nn.Conv2d) -> Tensor:
    """What one pass of a convolution computes with: its weights, spectrally normalised where it is an `SNConv2d`."""
    return convolution.norm(convolution.weight) if isinstance(convolution, SNConv2d) else convolution.weight
