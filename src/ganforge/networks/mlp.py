"""The fully connected GAN of Goodfellow et al. 2014 in its common MNIST form (LeakyReLU instead of ReLU and maxout)."""

import math
from itertools import pairwise

from torch import Tensor, nn

from ganforge.interfaces import Verdict
from ganforge.layers.conditioning import LabelledLatent, LabelPlanes
from ganforge.layers.heads import Head, HeadFactory


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
    """images (B, channels, image_size, image_size) -> a verdict, with `label_planes` or by its head given `label` (B,).

    There is one number for each class beside the pixels in the place of a plane.
    """

    def __init__(
        self,
        image_size: int,
        channels: int,
        hidden: list[int],
        label_planes: int | None = None,
        head: HeadFactory | None = None,
    ) -> None:
        super().__init__()
        self.planes = LabelPlanes(label_planes)
        inputs = channels * image_size * image_size + self.planes.channels
        self.layers = nn.Sequential(*perceptron([inputs, *hidden]))
        self.last = nn.Linear(hidden[-1], 1)
        self.head = (head or Head)(hidden[-1])

    def forward(self, image: Tensor, label: Tensor | None = None) -> Verdict:
        pixels = image.flatten(1)[:, :, None, None]
        features = self.layers(self.planes(pixels, label).flatten(1))
        return self.head(self.last(features).squeeze(1), features, label)
