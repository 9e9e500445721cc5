"""The networks of Salimans et al. 2016, "Improved Techniques for Training GANs", for semi-supervised learning.

As in the authors' code: perceptrons with noise for MNIST, convolutions with dropout for CIFAR-10 and SVHN. The
discriminators have weight norm, and K logits instead of one: `layers.heads.of_classes`. Perceptrons work with pixels in
[0, 1] inside.
"""

import math
from itertools import pairwise

import torch
from torch import Tensor, nn

from ganforge.interfaces import Verdict
from ganforge.layers.heads import of_classes
from ganforge.layers.initialization import glorot_
from ganforge.layers.weight_norm import WNConv2d, WNDoubling, WNLinear, starting

SLOPE = 0.2
PIXEL_NOISE, UNIT_NOISE = 0.3, 0.5
PIXEL_DROPOUT, UNIT_DROPOUT = 0.2, 0.5
SMALL_START = 0.1
"""The deviation of logits, and of pixels before their tanh, that convolutional networks start with."""


class GaussianNoise(nn.Module):
    """Adds N(0, deviation^2) in train mode."""

    def __init__(self, deviation: float) -> None:
        super().__init__()
        self.deviation = deviation

    def forward(self, input: Tensor) -> Tensor:
        return input + self.deviation * torch.randn_like(input) if self.training else input


class Shift(nn.Module):
    """A bias for each channel: batch norms of these networks have no scale."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, input: Tensor) -> Tensor:
        return input + self.bias.view(1, -1, *[1] * (input.dim() - 2))


class StartsFromData(nn.Module):
    """A network that one batch gives its scales and biases; a second one changes nothing."""

    def start_from(self, batch: Tensor) -> None:
        """`batch` is what `forward` takes, of all processes, so that each starts alike from the same random numbers."""
        training = self.training
        with starting(self):
            self.train().forward(batch)  # not as a call, which may be compiled
        self.train(training)


def refuse_no_units(hidden: list[int]) -> None:
    if not hidden or min(hidden) < 1:
        raise ValueError(f"hidden={hidden}: at least one layer, of at least one unit each")


class Generator(nn.Module):
    """latent (B, latent_dim) -> images (B, channels, image_size, image_size) in [-1, 1]. Labels are ignored."""

    def __init__(self, latent_dim: int, image_size: int, channels: int, hidden: list[int]) -> None:
        super().__init__()
        refuse_no_units(hidden)
        self.shape = (channels, image_size, image_size)
        layers: list[nn.Module] = []
        for inputs, outputs in pairwise([latent_dim, *hidden]):
            linear = nn.Linear(inputs, outputs, bias=False)
            glorot_(linear)
            layers += [linear, nn.BatchNorm1d(outputs, affine=False), Shift(outputs), nn.Softplus()]
        self.layers = nn.Sequential(*layers, WNLinear(hidden[-1], math.prod(self.shape), learn_scale=True))

    def forward(self, z: Tensor, label: Tensor | None = None) -> Tensor:
        return torch.tanh(0.5 * self.layers(z)).unflatten(1, self.shape)  # 2 sigmoid(logits) - 1


class Discriminator(StartsFromData):
    """images (B, channels, image_size, image_size) -> a verdict, with the logits of classes. Labels are ignored.

    `noise` multiplies the deviations of the noise, which are 0.3 of pixels in [0, 1] and 0.5 of units.
    """

    classifies = True

    def __init__(self, image_size: int, channels: int, num_classes: int, hidden: list[int], noise: float = 1.0) -> None:
        super().__init__()
        refuse_no_units(hidden)
        if noise < 0:
            raise ValueError(f"model.discriminator.noise must not be negative, got {noise}")
        layers: list[nn.Module] = [nn.Flatten()]
        for inputs, outputs in pairwise([channels * image_size**2, *hidden]):
            deviation = PIXEL_NOISE if len(layers) == 1 else UNIT_NOISE
            layers += [GaussianNoise(noise * deviation), WNLinear(inputs, outputs), nn.ReLU()]
        self.layers = nn.Sequential(*layers)
        self.last = nn.Sequential(
            GaussianNoise(noise * UNIT_NOISE), WNLinear(hidden[-1], num_classes, learn_scale=True)
        )

    def forward(self, image: Tensor, label: Tensor | None = None) -> Verdict:
        features = self.layers((image + 1) / 2)
        return of_classes(self.last(features), features)


def stem(image_size: int, width: int) -> int:
    """The side of the maps that the convolutional networks begin or end with: images are doubled three times."""
    if width < 1:
        raise ValueError(f"width={width} should be at least 1 channel")
    if image_size % 8 or image_size < 16:
        raise ValueError(
            f"this model cannot make {image_size}x{image_size} images: it doubles three times, so sizes are multiples "
            "of 8 from 16 on"
        )
    return image_size // 8


class ConvolutionalGenerator(StartsFromData):
    """latent (B, latent_dim) -> images (B, channels, image_size, image_size) in [-1, 1]. Labels are ignored.

    `width` is that of the maps before the last doubling.
    """

    def __init__(self, latent_dim: int, image_size: int, channels: int, width: int = 128) -> None:
        super().__init__()
        side = stem(image_size, width)
        linear = nn.Linear(latent_dim, 4 * width * side**2, bias=False)
        nn.init.normal_(linear.weight, 0.0, 0.05)
        layers: list[nn.Module] = [linear, *rectified(nn.BatchNorm1d(linear.out_features, affine=False))]
        layers.append(nn.Unflatten(1, (4 * width, side, side)))
        for inputs, outputs in pairwise([4 * width, 2 * width, width]):
            doubling = nn.ConvTranspose2d(inputs, outputs, 5, 2, 2, 1, bias=False)
            nn.init.normal_(doubling.weight, 0.0, 0.05)
            layers += [doubling, *rectified(nn.BatchNorm2d(outputs, affine=False))]
        self.layers = nn.Sequential(*layers, WNDoubling(width, channels, deviation=SMALL_START), nn.Tanh())

    def forward(self, z: Tensor, label: Tensor | None = None) -> Tensor:
        return self.layers(z)


def rectified(norm: nn.BatchNorm1d | nn.BatchNorm2d) -> list[nn.Module]:
    return [norm, Shift(norm.num_features), nn.ReLU(inplace=True)]


class ConvolutionalDiscriminator(StartsFromData):
    """images (B, channels, image_size, image_size) -> a verdict, with the logits of classes. Labels are ignored.

    `width` is that of the first three convolutions: 96 for CIFAR-10, 64 for SVHN; the others are twice as wide.
    """

    classifies = True

    def __init__(self, image_size: int, channels: int, num_classes: int, width: int = 96) -> None:
        super().__init__()
        stem(image_size, width)
        wide = 2 * width
        self.layers = nn.Sequential(
            nn.Dropout(PIXEL_DROPOUT),
            *convolutions([(channels, width, 3, 1, 1), (width, width, 3, 1, 1), (width, width, 3, 2, 1)]),
            nn.Dropout(UNIT_DROPOUT),
            *convolutions([(width, wide, 3, 1, 1), (wide, wide, 3, 1, 1), (wide, wide, 3, 2, 1)]),
            nn.Dropout(UNIT_DROPOUT),
            *convolutions([(wide, wide, 3, 1, 0), (wide, wide, 1, 1, 0), (wide, wide, 1, 1, 0)]),
        )
        self.last = WNLinear(wide, num_classes, learn_scale=True, deviation=SMALL_START)

    def forward(self, image: Tensor, label: Tensor | None = None) -> Verdict:
        features = self.layers(image).mean((2, 3))
        return of_classes(self.last(features), features)


def convolutions(shapes: list[tuple[int, int, int, int, int]]) -> list[nn.Module]:
    """Each (inputs, outputs, kernel, stride, padding), followed by LeakyReLU(0.2)."""
    return [layer for shape in shapes for layer in (WNConv2d(*shape), nn.LeakyReLU(SLOPE, inplace=True))]
