"""Gradients that are cheap to differentiate once more, as every gradient penalty does.

Autograd differentiates any gradient, but takes a detour for two functions. The gradient of a convolution for its input,
differentiated for the weights, becomes a convolution with a kernel as large as the image; written as a transposed
convolution, it has fast gradients of its own (as in the code of Karras et al. 2020, "Training Generative Adversarial
Networks with Limited Data"). And a rectifier's second derivative is zero, which autograd nevertheless writes down and
carries back through all layers below.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional
from torch.nn.grad import conv2d_weight
from torch.overrides import TorchFunctionMode


class DifferentiatedTwice(TorchFunctionMode):
    """Inside, every network's convolutions and rectifiers are those of this file: the same values and derivatives."""

    def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return REPLACEMENTS.get(function, function)(*args, **(kwargs or {}))


def conv2d(
    image: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: int | Sequence[int] = 1,
    padding: int | Sequence[int] | str = 0,
    dilation: int | Sequence[int] = 1,
    groups: int = 1,
) -> Tensor:
    if isinstance(padding, str):
        return torch.conv2d(image, weight, bias, stride, padding, dilation, groups)
    how = pair(stride), pair(padding), pair(dilation), groups
    path: Tensor = _WeightGradient.apply(image.detach(), weight, bias, *how)
    features: Tensor = _InputGradient.apply(path, image, weight, bias, *how)
    return features


def pair(value: int | Sequence[int]) -> tuple[int, int]:
    return (value, value) if isinstance(value, int) else (value[0], value[1])


def moves(size: Sequence[int], weight: Tensor, stride: Any, padding: Any, dilation: Any, _: int) -> list[Any]:
    """For each side of an image, how often the kernel moves on, and how many pixels it then leaves out."""
    sides = zip(size, weight.shape[2:], stride, padding, dilation, strict=True)
    return [divmod(n + 2 * p - d * (k - 1) - 1, s) for n, k, s, p, d in sides]


class _InputGradient(torch.autograd.Function):
    """The convolution, whose weights learn by `path`: one that is not walked when only the image's gradient counts."""

    @staticmethod
    def forward(ctx: Any, path: Tensor, image: Tensor, weight: Tensor, bias: Tensor | None, *how: Any) -> Tensor:
        ctx.save_for_backward(weight)
        ctx.size, ctx.how = image.shape[2:], how
        return torch.conv2d(image, weight, bias, *how)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Any:
        (weight,) = ctx.saved_tensors
        stride, padding, dilation, groups = ctx.how
        beyond = [rest for _, rest in moves(ctx.size, weight, *ctx.how)]
        image = functional.conv_transpose2d(gradient, weight, None, stride, padding, beyond, groups, dilation)
        return gradient, image, *[None] * 6


class _WeightGradient(torch.autograd.Function):
    """Zeros in the convolution's shape; the gradient that reaches them becomes that of `weight` and `bias`."""

    @staticmethod
    def forward(ctx: Any, image: Tensor, weight: Tensor, bias: Tensor | None, *how: Any) -> Tensor:
        ctx.save_for_backward(image, weight)
        ctx.how = how
        size = [count + 1 for count, _ in moves(image.shape[2:], weight, *how)]
        return image.new_zeros(()).expand(len(image), len(weight), *size)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> Any:
        image, weight = ctx.saved_tensors
        bias = gradient.sum((0, 2, 3)) if ctx.needs_input_grad[2] else None
        return None, conv2d_weight(image, weight.shape, gradient, *ctx.how), bias, *[None] * 4


def leaky_relu(features: Tensor, negative_slope: float = 0.01, inplace: bool = False) -> Tensor:
    rectified: Tensor = _Rectifier.apply(features, negative_slope, inplace)
    return rectified


def relu(features: Tensor, inplace: bool = False) -> Tensor:
    return leaky_relu(features, 0.0, inplace)


class _Rectifier(torch.autograd.Function):
    """Its gradient is linear in the one that arrives, and constant in the features."""

    @staticmethod
    def forward(ctx: Any, features: Tensor, negative_slope: float, inplace: bool) -> Tensor:
        rectified = functional.leaky_relu(features, negative_slope, inplace)
        if inplace:
            ctx.mark_dirty(features)
        ctx.save_for_backward(rectified if inplace else features)
        ctx.how = negative_slope, inplace
        return rectified

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Any:
        (signs,) = ctx.saved_tensors
        return torch.ops.aten.leaky_relu_backward(gradient, signs.detach(), *ctx.how), None, None


REPLACEMENTS: dict[Any, Callable[..., Tensor]] = {
    torch.conv2d: conv2d,
    functional.leaky_relu: leaky_relu,
    functional.relu: relu,
}
