"""Weight normalisation with a start from data (Salimans and Kingma 2016, "Weight Normalization").

A layer computes with scale * v / |v|, a vector v and a scale for each output (equation 2). Before training, one batch
sets scales and biases so that every output has mean 0 and a chosen deviation over that batch (equation 6).
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, conv_transpose2d, linear

from ganforge.precision import full

SMALLEST_DEVIATION = 1e-6
"""Of an output over a batch; one that varies less keeps its scale."""


class WeightNorm(nn.Module):
    """Scale and bias of `outputs` units, and how they start. `deviation` is that of an output after the start.

    The scale is learned only with `learn_scale`. A layer starts once in its life: `started` is part of its weights.
    """

    scale: Tensor
    started: Tensor

    def __init__(self, outputs: int, learn_scale: bool = False, deviation: float = 1.0) -> None:
        super().__init__()
        self.deviation = deviation
        self.starting = False
        if learn_scale:
            self.scale = nn.Parameter(torch.ones(outputs))
        else:
            self.register_buffer("scale", torch.ones(outputs))
        self.bias = nn.Parameter(torch.zeros(outputs))
        self.register_buffer("started", torch.tensor(False))

    def weight(self, v: Tensor, dim: int = 0) -> Tensor:
        """scale * v / |v| for v with its outputs along `dim`."""
        others = [axis for axis in range(v.dim()) if axis != dim]
        shape = [-1 if axis == dim else 1 for axis in range(v.dim())]
        return v * (self.scale / (v.square().sum(others) + 1e-6).sqrt()).view(shape)

    def forward(self, outputs: Tensor) -> Tensor:
        """Outputs (B, C, ...) of the map without its bias -> with it."""
        shape = (1, -1, *[1] * (outputs.dim() - 2))
        if self.starting:
            outputs = outputs * self.start(outputs).view(shape)
        return outputs + self.bias.view(shape)

    def start(self, outputs: Tensor) -> Tensor:
        """Set scale and bias by these outputs; returns what the scale was multiplied by.

        A choice of values, not of branches, so that no device has to be waited for.
        """
        axes = [0, *range(2, outputs.dim())]
        variance, mean = torch.var_mean(full(outputs), axes, correction=0)
        varies = (variance.sqrt() > SMALLEST_DEVIATION) & ~self.started
        factor = torch.where(varies, self.deviation / variance.sqrt(), torch.ones_like(variance))
        self.scale.mul_(factor)
        self.bias.copy_(torch.where(self.started, self.bias, -mean * factor))
        self.started.fill_(True)
        return factor.to(outputs.dtype)


class WNLinear(nn.Module):
    """A linear map; v is at first from N(0, 0.05^2), of which only the direction counts."""

    def __init__(self, inputs: int, outputs: int, learn_scale: bool = False, deviation: float = 1.0) -> None:
        super().__init__()
        self.v = nn.Parameter(torch.randn(outputs, inputs) * 0.05)
        self.norm = WeightNorm(outputs, learn_scale, deviation)

    def forward(self, input: Tensor) -> Tensor:
        return self.norm(linear(input, self.norm.weight(self.v)))


class WNConv2d(nn.Module):
    """A convolution, with v as in `WNLinear`."""

    def __init__(self, inputs: int, outputs: int, kernel_size: int, stride: int = 1, padding: int = 0) -> None:
        super().__init__()
        self.stride, self.padding = stride, padding
        self.v = nn.Parameter(torch.randn(outputs, inputs, kernel_size, kernel_size) * 0.05)
        self.norm = WeightNorm(outputs)

    def forward(self, input: Tensor) -> Tensor:
        return self.norm(conv2d(input, self.norm.weight(self.v), None, self.stride, self.padding))


class WNDoubling(nn.Module):
    """A transposed 5x5 convolution that doubles height and width; its scale is learned."""

    def __init__(self, inputs: int, outputs: int, deviation: float = 1.0) -> None:
        super().__init__()
        self.v = nn.Parameter(torch.randn(inputs, outputs, 5, 5) * 0.05)
        self.norm = WeightNorm(outputs, True, deviation)

    def forward(self, input: Tensor) -> Tensor:
        weight = self.norm.weight(self.v, dim=1)
        return self.norm(conv_transpose2d(input, weight, None, 2, 2, 1))


@contextmanager
def starting(network: nn.Module) -> Iterator[None]:
    """Inside, a pass in train mode without gradients sets the scales and biases of layers that have not started."""
    layers = [layer for layer in network.modules() if isinstance(layer, WeightNorm)]
    for layer in layers:
        layer.starting = True
    try:
        with torch.no_grad():
            yield
    finally:
        for layer in layers:
            layer.starting = False
