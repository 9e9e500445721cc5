"""Encoders and decoders of variational autoencoders (Kingma and Welling 2014, "Auto-Encoding Variational Bayes").

An encoder gives the mean and the log variance of q(z | x), a decoder the logits of p(x | z). The perceptron is that of
the paper's appendix C; the convolutional pair has the stages of DCGAN (Radford et al. 2016).
"""

import math
from itertools import pairwise
from typing import Literal

import torch
from torch import Tensor, nn

from ganforge.layers.convolution import FromPixel, ToPixel
from ganforge.layers.normalization import Normalization
from ganforge.networks.dcgan import base_and_depth, doubled, stage

ACTIVATIONS = {"relu": nn.ReLU, "tanh": nn.Tanh}
Activation = Literal["relu", "tanh"]


def perceptron(sizes: list[int], activation: Activation) -> list[nn.Module]:
    """Linear maps between consecutive sizes, each followed by the activation."""
    if len(sizes) < 2 or min(sizes) < 1:
        raise ValueError(f"hidden={sizes[1:]}: at least one layer, of at least one unit each")
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(sizes):
        layers += [nn.Linear(inputs, outputs), ACTIVATIONS[activation]()]
    return layers


class Encoder(nn.Module):
    """images (B, channels, image_size, image_size) -> mean and log variance, each (B, latent_dim)."""

    def __init__(
        self, latent_dim: int, image_size: int, channels: int, hidden: list[int], activation: Activation = "relu"
    ) -> None:
        super().__init__()
        pixels = channels * image_size**2
        self.layers = nn.Sequential(nn.Flatten(), *perceptron([pixels, *hidden], activation))
        self.moments = nn.Linear(hidden[-1], 2 * latent_dim)

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        mean, log_variance = self.moments(self.layers(image)).chunk(2, 1)
        return mean, log_variance


class Decoder(nn.Module):
    """latent (B, latent_dim) -> mean images (B, channels, image_size, image_size) in [-1, 1]. Labels are ignored."""

    def __init__(
        self, latent_dim: int, image_size: int, channels: int, hidden: list[int], activation: Activation = "relu"
    ) -> None:
        super().__init__()
        self.shape = (channels, image_size, image_size)
        output = nn.Linear(hidden[-1], math.prod(self.shape))
        self.layers = nn.Sequential(*perceptron([latent_dim, *hidden], activation), output)

    def logits(self, z: Tensor) -> Tensor:
        return self.layers(z).unflatten(1, self.shape)

    def forward(self, z: Tensor, label: Tensor | None = None) -> Tensor:
        return torch.tanh(0.5 * self.logits(z))  # 2 sigmoid(logits) - 1


class ConvolutionalEncoder(nn.Module):
    """images (B, channels, image_size, image_size) -> mean and log variance, each (B, latent_dim)."""

    def __init__(
        self,
        latent_dim: int,
        image_size: int,
        channels: int,
        width: int = 32,
        normalization: Normalization = "batch",
    ) -> None:
        super().__init__()
        base, depth = base_and_depth(image_size)
        widths = [channels, *doubled(width, depth)]
        bias = normalization != "batch"
        layers: list[nn.Module] = []
        for inputs, outputs in pairwise(widths):
            layers += stage(nn.Conv2d(inputs, outputs, 4, 2, 1, bias=bias), outputs, normalization)
        self.layers = nn.Sequential(*layers)
        self.moments = ToPixel(widths[-1], 2 * latent_dim, base)

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        mean, log_variance = self.moments(self.layers(image)).flatten(1).chunk(2, 1)
        return mean, log_variance


class ConvolutionalDecoder(nn.Module):
    """latent (B, latent_dim) -> mean images (B, channels, image_size, image_size) in [-1, 1]. Labels are ignored."""

    def __init__(
        self,
        latent_dim: int,
        image_size: int,
        channels: int,
        width: int = 32,
        normalization: Normalization = "batch",
    ) -> None:
        super().__init__()
        base, depth = base_and_depth(image_size)
        widths = doubled(width, depth)[::-1]
        bias = normalization != "batch"
        layers = stage(FromPixel(latent_dim, widths[0], base, bias=bias), widths[0], normalization)
        for inputs, outputs in pairwise(widths):
            layers += stage(nn.ConvTranspose2d(inputs, outputs, 4, 2, 1, bias=bias), outputs, normalization)
        self.layers = nn.Sequential(*layers, nn.ConvTranspose2d(widths[-1], channels, 4, 2, 1))

    def logits(self, z: Tensor) -> Tensor:
        return self.layers(z[:, :, None, None])

    def forward(self, z: Tensor, label: Tensor | None = None) -> Tensor:
        return torch.tanh(0.5 * self.logits(z))  # 2 sigmoid(logits) - 1
