"""The fully connected GAN of Goodfellow et al. 2014 in its common MNIST form (LeakyReLU instead of ReLU and maxout)."""

import math
from itertools import pairwise

from torch import Tensor, nn

from ganforge.layers.conditioning import LabelledLatent, Projection


def perceptron(sizes: list[int]) -> list[nn.Module]:
    """Linear maps between consecutive sizes, each followed by LeakyReLU(0.2)."""
    if 0 in sizes:
        raise ValueError(f"every layer needs at least one unit, got {sizes}")
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(sizes):
        layers += [nn.Linear(inputs, outputs), nn.LeakyReLU(0.2, inplace=True)]
    return layers


class Generator(nn.Module):
    """latent (B, latent_dim) -> images (B, channels, image_size, image_size) in [-1, 1].

    With `num_classes`, of the classes `label` (B,); without, labels are ignored.
    """

    def __init__(
        self, latent_dim: int, image_size: int, channels: int, hidden: list[int], num_classes: int | None = None
    ) -> None:
        super().__init__()
        self.num_classes = num_classes
        self.shape = (channels, image_size, image_size)
        self.labelled = LabelledLatent(latent_dim, num_classes)
        output = nn.Linear(hidden[-1], math.prod(self.shape))
        self.layers = nn.Sequential(*perceptron([self.labelled.size, *hidden]), output, nn.Tanh())

    def forward(self, z: Tensor, label: Tensor | None = None) -> Tensor:
        return self.layers(self.labelled(z, label)).unflatten(1, self.shape)


class Discriminator(nn.Module):
    """images (B, channels, image_size, image_size) -> logits (B,), with `num_classes` given the classes `label`."""

    def __init__(self, image_size: int, channels: int, hidden: list[int], num_classes: int | None = None) -> None:
        super().__init__()
        self.num_classes = num_classes
        inputs = channels * image_size * image_size
        self.layers = nn.Sequential(nn.Flatten(), *perceptron([inputs, *hidden]), nn.Linear(hidden[-1], 1))
        self.projection = None if num_classes is None else Projection(num_classes, hidden[-1])

    def forward(self, image: Tensor, label: Tensor | None = None) -> Tensor:
        if self.projection is None:
            return self.layers(image).squeeze(1)
        features = self.layers[:-1](image)
        return self.layers[-1](features).squeeze(1) + self.projection(features, label)
