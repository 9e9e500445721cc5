"""Path lengths of a linear generator, which are known."""

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from ganforge.interfaces import Batch, Drawn, Inputs, Turn
from ganforge.networks.stylegan2 import Generator
from ganforge.regularizers.path_length import PathLength, path_lengths


class Linear(nn.Module):
    """Images A w, of the sum of the styles' layers."""

    def __init__(self, latent_dim: int, layers: int, size: int) -> None:
        super().__init__()
        self.matrix = nn.Parameter(torch.randn(latent_dim, 2 * size * size, dtype=torch.float64))
        self.layers, self.shape = layers, (2, size, size)

    def styles(self, z: Tensor, label: Tensor | None = None) -> Tensor:
        return z[:, None].expand(-1, self.layers, -1).clone().requires_grad_()

    def synthesis(self, styles: Tensor) -> Tensor:
        return (styles.sum(1) @ self.matrix).unflatten(1, self.shape)


def turn(generator: Any, z: Tensor, label: Tensor | None = None) -> Turn:
    unused: Any = None
    images = torch.zeros(len(z), 2, 4, 4)
    return Turn(Batch(images), Drawn(images, Inputs(z, label)), unused, unused, unused, generator, unused)


def test_lengths_are_those_of_the_matrix_times_the_noise() -> None:
    generator = Linear(5, 3, 4)
    styles = generator.styles(torch.randn(6, 5, dtype=torch.float64))
    torch.manual_seed(1)
    lengths = path_lengths(generator.synthesis, styles)
    torch.manual_seed(1)
    noise = torch.randn(6, 2, 4, 4, dtype=torch.float64).flatten(1) / 4
    assert torch.allclose(lengths, (noise @ generator.matrix.T).norm(dim=1), atol=1e-12)
    many = path_lengths(generator.synthesis, generator.styles(torch.zeros(20_000, 5, dtype=torch.float64)))
    expected = generator.matrix.square().sum().item() / 16
    assert many.square().mean().item() == pytest.approx(expected, rel=0.05)


def test_the_term_is_the_distance_from_the_running_mean_of_half_the_latents() -> None:
    generator, regularizer, mean = Linear(5, 3, 4), PathLength(weight=2.0, decay=0.25), 0.0
    z = torch.randn(7, 5, dtype=torch.float64)
    for seed in range(3):
        torch.manual_seed(seed)
        term = regularizer.generator(turn(generator, z))
        torch.manual_seed(seed)
        noise = torch.randn(4, 2, 4, 4, dtype=torch.float64).flatten(1) / 4
        lengths = (noise @ generator.matrix.T).norm(dim=1)
        mean = 0.75 * mean + 0.25 * lengths.mean().item()
        assert term.item() == pytest.approx(2 * (lengths - mean).square().mean().item(), rel=1e-6)
        assert regularizer.mean.item() == pytest.approx(mean, rel=1e-6)
    assert not regularizer.mean.requires_grad


def test_its_gradient_is_that_of_the_lengths() -> None:
    generator, regularizer = Linear(3, 2, 4), PathLength(decay=0.0)
    torch.manual_seed(2)
    regularizer.generator(turn(generator, torch.randn(2, 3, dtype=torch.float64))).backward()
    torch.manual_seed(2)
    torch.randn(2, 3, dtype=torch.float64)
    noise = torch.randn(1, 2, 4, 4, dtype=torch.float64).flatten(1) / 4
    expected = 4 * (noise @ generator.matrix.T).T @ noise  # of 2 |A y|^2
    assert generator.matrix.grad is not None
    assert torch.allclose(generator.matrix.grad, expected, atol=1e-10)


@pytest.mark.parametrize("num_classes", [None, 3])
def test_all_of_stylegan2_learns_from_it(num_classes: int | None) -> None:
    generator = Generator(6, 16, 1, 7, 2, channel_max=4, mixing=0.5, num_classes=num_classes)
    for name, weight in generator.named_parameters():
        if name.endswith("strength"):
            nn.init.ones_(weight)
    label = None if num_classes is None else torch.arange(8) % 3
    PathLength().generator(turn(generator, torch.randn(8, 6), label)).backward()
    for name, weight in generator.named_parameters():
        reached = weight.grad is not None and weight.grad.abs().sum() > 0
        assert reached or (name.startswith("synthesis.to_image") and name.endswith(".bias")), name


def test_a_smooth_generator_has_small_terms() -> None:
    """Where all directions of w are alike, lengths of large images hardly differ, and the mean is theirs."""
    generator, regularizer = Linear(64, 1, 16), PathLength(decay=1.0)
    generator.matrix.data.copy_(torch.linalg.qr(generator.matrix.data.T)[0].T * 16)
    term = regularizer.generator(turn(generator, torch.randn(512, 64, dtype=torch.float64)))
    assert regularizer.mean.item() == pytest.approx(math.sqrt(64), rel=0.02)
    assert term.item() == pytest.approx(2 * 0.5, rel=0.2)  # the variance of a chi distribution
