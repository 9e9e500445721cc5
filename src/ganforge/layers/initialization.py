"""Initial weights that papers prescribe."""

import math
from typing import Literal

from torch import nn

from ganforge.layers.conditioning import ClassEmbedding

Initialization = Literal["normal", "orthogonal"]


def radford_(module: nn.Module) -> None:
    """N(0, 0.02) for convolutions and linear maps, N(1, 0.02) for normalisation scales (Radford et al. 2016, 4)."""
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            nn.init.normal_(layer.weight, 0.0, 0.02)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
        elif isinstance(layer, nn.BatchNorm2d | nn.GroupNorm | nn.InstanceNorm2d) and layer.weight is not None:
            nn.init.normal_(layer.weight, 1.0, 0.02)
            nn.init.zeros_(layer.bias)


def glorot_(layer: nn.Conv2d | nn.Linear, gain: float = 1.0) -> None:
    """Uniform weights of variance 2 gain^2 / (inputs + outputs), biases zero (Glorot and Bengio 2010, equation 16)."""
    nn.init.xavier_uniform_(layer.weight, gain)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)


def brock_(module: nn.Module, kind: Initialization) -> None:
    """Orthogonal weights, or N(0, 0.02), of maps and class vectors; biases zero (Brock et al. 2019, appendix B)."""
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear | ClassEmbedding):
            if kind == "orthogonal":
                nn.init.orthogonal_(layer.weight)
            else:
                nn.init.normal_(layer.weight, 0.0, 0.02)
        if isinstance(layer, nn.Conv2d | nn.Linear) and layer.bias is not None:
            nn.init.zeros_(layer.bias)


def he_(layer: nn.Conv2d | nn.Linear, gain: float = 1.0) -> None:
    """N(0, gain^2 / inputs) for weights, biases zero (He et al. 2015, equation 10, where the gain is sqrt(2))."""
    inputs = layer.weight[0].numel()
    nn.init.normal_(layer.weight, 0.0, gain / math.sqrt(inputs))
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
