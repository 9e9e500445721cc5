"""Equalised learning rates: layers whose weights are scaled when they are used (Karras et al. 2018, "Progressive
Growing of GANs for Improved Quality, Stability, and Variation", section 4.1).

An optimizer such as Adam moves every stored weight by about as much, whatever its gradient's size. As all are stored
with one deviation, every layer then learns at one relative rate.
"""

import math

from torch import Tensor, nn
from torch.nn.functional import linear


class EqualizedConv2d(nn.Conv2d):
    """A convolution by `lr_multiplier` * `gain` / sqrt(inputs of a pixel) times weights from N(0, 1 / lr_multiplier^2).

    `bias` is whether there is one, or the value that it begins with. It is stored in units of `lr_multiplier`, and not
    scaled by the gain.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        stride: int = 1,
        padding: int = 0,
        gain: float = 1.0,
        lr_multiplier: float = 1.0,
        bias: bool | float = True,
    ) -> None:
        super().__init__(in_channels, out_channels, kernel_size, stride, padding, bias=bias is not False)
        self.factors = begin_equalized(self, gain, lr_multiplier, bias)

    def forward(self, input: Tensor) -> Tensor:
        return self._conv_forward(input, self.kernel(), self.shift())

    def kernel(self) -> Tensor:
        """The weights as they are used."""
        return self.weight * self.factors["weight"]

    def shift(self) -> Tensor | None:
        """The bias as it is used."""
        return scaled(self.bias, self.factors["bias"])


class EqualizedLinear(nn.Linear):
    """A linear map by `lr_multiplier` * `gain` / sqrt(inputs) times weights from N(0, 1 / lr_multiplier^2).

    `bias` is as in `EqualizedConv2d`.
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        gain: float = 1.0,
        lr_multiplier: float = 1.0,
        bias: bool | float = True,
    ) -> None:
        super().__init__(in_features, out_features, bias=bias is not False)
        self.factors = begin_equalized(self, gain, lr_multiplier, bias)

    def forward(self, input: Tensor) -> Tensor:
        return linear(input, self.weight * self.factors["weight"], scaled(self.bias, self.factors["bias"]))


def begin_equalized(
    layer: nn.Conv2d | nn.Linear, gain: float, lr_multiplier: float, bias: bool | float
) -> dict[str, float]:
    """Set a layer's initial weights and bias, and return by which factors they are used."""
    nn.init.normal_(layer.weight, 0.0, 1 / lr_multiplier)
    if layer.bias is not None:
        nn.init.constant_(layer.bias, 0.0 if bias is True else bias / lr_multiplier)
    return {"weight": lr_multiplier * gain / math.sqrt(layer.weight[0].numel()), "bias": lr_multiplier}


def scaled(bias: Tensor | None, factor: float) -> Tensor | None:
    return bias if bias is None or factor == 1 else bias * factor
