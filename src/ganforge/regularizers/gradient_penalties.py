"""Penalties on the critic's gradient with respect to its input, each returned already weighted."""

import torch
from torch import Tensor

from ganforge.interfaces import Critic
from ganforge.regularizers.double_backward import DifferentiatedTwice


def input_gradients(critic: Critic, images: Tensor) -> Tensor:
    """d critic(x_i) / d x_i for every image, flattened to (B, C*H*W), differentiable again."""
    images = images.detach().requires_grad_()
    with DifferentiatedTwice():
        logits = critic(images)
    (gradients,) = torch.autograd.grad(logits.sum(), images, create_graph=True)
    return gradients.flatten(1)


def uniform_per_image(images: Tensor) -> Tensor:
    """One number from U(0, 1) for each image, shaped to scale it."""
    return torch.rand(len(images), *[1] * (images.dim() - 1), dtype=images.dtype, device=images.device)


class _GradientPenalty:
    """weight times the mean `cost` of the critic's gradient at the `points` that a subclass chooses."""

    per_sample = True

    def __init__(self, weight: float = 10.0, interval: int = 1) -> None:
        if weight < 0:
            raise ValueError(f"a penalty's weight must not be negative, got {weight}")
        if interval < 1:
            raise ValueError(f"a penalty's interval must be at least 1 discriminator turn, got {interval}")
        self.weight = weight
        self.interval = interval

    def points(self, real: Tensor, fake: Tensor) -> Tensor:
        raise AssertionError("a subclass chooses where the gradient is measured")

    def cost(self, gradients: Tensor) -> Tensor:
        return (gradients.norm(dim=1) - 1).square()

    def __call__(self, critic: Critic, real: Tensor, fake: Tensor) -> Tensor:
        return self.weight * self.cost(input_gradients(critic, self.points(real, fake))).mean()


class GradientPenalty(_GradientPenalty):
    """WGAN-GP's two-sided penalty between real and fake (Gulrajani et al. 2017, equation 3 and algorithm 1)."""

    def points(self, real: Tensor, fake: Tensor) -> Tensor:
        return torch.lerp(fake, real, uniform_per_image(real))


class Dragan(_GradientPenalty):
    """DRAGAN's penalty around the data (Kodali et al. 2017, algorithm 1).

    The paper perturbs real images by N(0, c I); this follows the authors' code, which adds uniform noise of half the
    batch's standard deviation and then moves a uniform share of the way there.
    """

    def points(self, real: Tensor, fake: Tensor) -> Tensor:
        return real + uniform_per_image(real) * 0.5 * real.std() * torch.rand_like(real)


class R1(_GradientPenalty):
    """weight / 2 * E[|grad|^2] on real images (Mescheder et al. 2018, equation 9; `weight` is their gamma)."""

    def points(self, real: Tensor, fake: Tensor) -> Tensor:
        return real

    def cost(self, gradients: Tensor) -> Tensor:
        return 0.5 * gradients.square().sum(1)


class R2(R1):
    """R1 on generated images (Mescheder et al. 2018, equation 10)."""

    def points(self, real: Tensor, fake: Tensor) -> Tensor:
        return fake
