"""Penalties on the critic's gradient with respect to its input, each returned already weighted."""

import torch
from torch import Tensor

from ganforge.interfaces import Critic


def input_gradients(critic: Critic, images: Tensor) -> Tensor:
    """d critic(x_i) / d x_i for every image, flattened to (B, C*H*W), differentiable again."""
    images = images.detach().requires_grad_()
    (gradients,) = torch.autograd.grad(critic(images).sum(), images, create_graph=True)
    return gradients.flatten(1)


class _GradientNormPenalty:
    """weight * E[(|grad| - 1)^2] at points that a subclass chooses."""

    per_sample = True

    def __init__(self, weight: float = 10.0, interval: int = 1) -> None:
        _check(weight, interval)
        self.weight = weight
        self.interval = interval

    def points(self, real: Tensor, fake: Tensor) -> Tensor:
        raise AssertionError("a subclass chooses where the gradient is measured")

    def __call__(self, critic: Critic, real: Tensor, fake: Tensor) -> Tensor:
        norms = input_gradients(critic, self.points(real, fake)).norm(dim=1)
        return self.weight * (norms - 1).square().mean()


class GradientPenalty(_GradientNormPenalty):
    """WGAN-GP's two-sided penalty between real and fake (Gulrajani et al. 2017, equation 3 and algorithm 1)."""

    def points(self, real: Tensor, fake: Tensor) -> Tensor:
        mix = torch.rand(len(real), *[1] * (real.dim() - 1), device=real.device)
        return torch.lerp(fake, real, mix)


class Dragan(_GradientNormPenalty):
    """DRAGAN's penalty around the data (Kodali et al. 2017, algorithm 1).

    The paper perturbs real images by N(0, c I); this follows the authors' code, which adds uniform noise of half the
    batch's standard deviation and then moves a uniform share of the way there.
    """

    def points(self, real: Tensor, fake: Tensor) -> Tensor:
        share = torch.rand(len(real), *[1] * (real.dim() - 1), device=real.device)
        return real + share * 0.5 * real.std() * torch.rand_like(real)


class R1:
    """weight / 2 * E[|grad|^2] on real images (Mescheder et al. 2018, equation 9; `weight` is their gamma)."""

    per_sample = True

    def __init__(self, weight: float = 10.0, interval: int = 1) -> None:
        _check(weight, interval)
        self.weight = weight
        self.interval = interval

    def points(self, real: Tensor, fake: Tensor) -> Tensor:
        return real

    def __call__(self, critic: Critic, real: Tensor, fake: Tensor) -> Tensor:
        gradients = input_gradients(critic, self.points(real, fake))
        return 0.5 * self.weight * gradients.square().sum(1).mean()


class R2(R1):
    """R1 on generated images (Mescheder et al. 2018, equation 10)."""

    def points(self, real: Tensor, fake: Tensor) -> Tensor:
        return fake


def _check(weight: float, interval: int) -> None:
    if weight < 0:
        raise ValueError(f"a penalty's weight must not be negative, got {weight}")
    if interval < 1:
        raise ValueError(f"a penalty's interval must be at least 1 discriminator turn, got {interval}")
