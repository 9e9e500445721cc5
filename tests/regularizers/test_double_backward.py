"""Derivatives of derivatives against autograd's own and finite differences."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from ganforge.networks import dcgan, mlp
from ganforge.regularizers.double_backward import DifferentiatedTwice
from ganforge.regularizers.gradient_penalties import input_gradients

from ..verdicts import projection

IMAGES = torch.randn(3, 4, 9, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(5))
CONVOLUTIONS: dict[str, dict[str, Any]] = {
    "plain": {"kernel_size": 3},
    "pixels that no stride reaches": {"kernel_size": 3, "stride": (3, 2)},
    "padded": {"kernel_size": (4, 3), "stride": 2, "padding": (1, 2)},
    "dilated": {"kernel_size": 2, "dilation": (2, 3), "stride": 2},
    "in groups": {"kernel_size": 3, "groups": 2, "padding": 1},
    "without bias": {"kernel_size": 4, "bias": False},
    "padding by name": {"kernel_size": 3, "padding": "same"},
    "reflected": {"kernel_size": 3, "padding": 1, "padding_mode": "reflect"},
}


def derivatives(critic: Callable[[Tensor], Tensor], weights: list[nn.Parameter]) -> list[Tensor | None]:
    """The images' gradient, and how the weights change a nonlinear function of it and of the values."""
    images = IMAGES.clone().requires_grad_()
    features = critic(images)
    (gradients,) = torch.autograd.grad(features.square().sum(), images, create_graph=True)
    cost = gradients.flatten(1).norm(dim=1).sum() + features.sum()
    return [features, gradients, *torch.autograd.grad(cost, weights, allow_unused=True)]


def assert_as_autograd_has_it(critic: Callable[[Tensor], Tensor], weights: list[nn.Parameter]) -> None:
    expected = derivatives(critic, weights)
    with DifferentiatedTwice():
        found = derivatives(critic, weights)
    for mine, its in zip(found, expected, strict=True):
        assert mine is not None
        assert its is not None
        torch.testing.assert_close(mine, its, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("settings", CONVOLUTIONS.values(), ids=CONVOLUTIONS)
def test_convolution(settings: dict[str, Any]) -> None:
    layer = nn.Conv2d(4, 6, **settings).double()
    assert_as_autograd_has_it(layer, list(layer.parameters()))


@pytest.mark.parametrize("inplace", [False, True])
@pytest.mark.parametrize("rectifier", [nn.ReLU, nn.LeakyReLU, lambda **_: nn.LeakyReLU(0.2, **_)])
def test_rectifier_between_convolutions(rectifier: Callable[..., nn.Module], inplace: bool) -> None:
    layers = [nn.Conv2d(4, 6, 3), rectifier(inplace=inplace), nn.GroupNorm(1, 6), rectifier(), nn.Conv2d(6, 2, 2)]
    critic = nn.Sequential(*layers).double()
    assert_as_autograd_has_it(critic, list(critic.parameters()))


def test_convolution_called_with_numbers() -> None:
    weight = nn.Parameter(torch.randn(2, 4, 3, 3, dtype=torch.float64))

    def critic(images: Tensor) -> Tensor:
        return functional.conv2d(images, weight, stride=2, padding=1)

    assert_as_autograd_has_it(critic, [weight])


def test_second_derivatives_match_finite_differences() -> None:
    weight = torch.randn(2, 4, 3, 3, dtype=torch.float64, requires_grad=True)
    bias = torch.randn(2, dtype=torch.float64, requires_grad=True)

    def slope(weight: Tensor, bias: Tensor) -> Tensor:
        def critic(images: Tensor) -> Tensor:
            features = functional.leaky_relu(functional.conv2d(images, weight, bias, (2, 2)), 0.2)
            return features.square().sum((1, 2, 3))

        return input_gradients(critic, IMAGES)

    assert torch.autograd.gradcheck(slope, (weight, bias))


def test_what_a_rectifier_hides_is_never_computed() -> None:
    """Without a normalisation the penalty is blind to biases: zeros to autograd, nothing here."""
    critic = dcgan.Discriminator(16, 1, width=4, normalization="none")
    biases = [value for name, value in critic.named_parameters() if name.endswith("bias")]
    penalty = input_gradients(lambda images: critic(images).logits, torch.randn(2, 1, 16, 16)).norm()
    assert torch.autograd.grad(penalty, biases, allow_unused=True) == (None,) * len(biases)


CRITICS = {
    kind: dcgan.Discriminator(16, 3, width=4, normalization=kind, head=projection(2))
    for kind in ("layer", "instance", "none")
}


@pytest.mark.parametrize("critic", [*CRITICS.values(), mlp.Discriminator(16, 3, hidden=[8, 8], head=projection(2))])
def test_every_discriminator_has_the_same_second_derivatives(critic: nn.Module) -> None:
    critic, images = critic.double(), torch.randn(4, 3, 16, 16, dtype=torch.float64)
    label = torch.tensor([0, 1, 1, 0])
    points, weights = images.clone().requires_grad_(), list(critic.parameters())
    (expected,) = torch.autograd.grad(critic(points, label).logits.sum(), points, create_graph=True)
    found = input_gradients(lambda images: critic(images, label).logits, images)
    torch.testing.assert_close(found, expected.flatten(1), rtol=1e-12, atol=1e-12)
    gradients = [
        torch.autograd.grad(value.square().sum(), weights, allow_unused=True, materialize_grads=True)
        for value in (found, expected)
    ]
    torch.testing.assert_close(*gradients, rtol=1e-10, atol=1e-12)
