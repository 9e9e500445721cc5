"""The fully connected GAN of Goodfellow et al. 2014 in its common MNIST form (LeakyReLU instead of ReLU and maxout)."""

import math
from itertools import pairwise

from torch import Tensor, nn


def perceptron(sizes: list[int]) -> list[nn.Module]:
    """Linear maps between consecutive sizes, each followed by LeakyReLU(0.2)."""
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(sizes):
        layers += [nn.Linear(inputs, outputs), nn.LeakyReLU(0.2, inplace=True)]
    return layers


class Generator(nn.Module):
    """latent (B, latent_dim) -> images (B, channels, image_size, image_size) in [-1, 1]."""

    def __init__(self, latent_dim: int, image_size: int, channels: int, hidden: list[int]) -> None:
        super().__init__()
        self.shape = (channels, image_size, image_size)
        output = nn.Linear(hidden[-1], math.prod(self.shape))
        self.layers = nn.Sequential(*perceptron([latent_dim, *hidden]), output, nn.Tanh())

    def forward(self, z: Tensor, label: Tensor | None = None) -> Tensor:
        return self.layers(z).unflatten(1, self.shape)


class Discriminator(nn.Module):
    """images (B, channels, image_size, image_size) -> logits (B,)."""

    def __init__(self, image_size: int, channels: int, hidden: list[int]) -> None:
        super().__init__()
        inputs = channels * image_size * image_size
        self.layers = nn.Sequential(nn.Flatten(), *perceptron([inputs, *hidden]), nn.Linear(hidden[-1], 1))

    def forward(self, image: Tensor, label: Tensor | None = None) -> Tensor:
        return self.layers(image).squeeze(1)
