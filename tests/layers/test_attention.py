"""Self-attention against a loop over pixels, and where it sits."""

import math

import pytest
import torch
from torch import Tensor, nn

from ganforge.layers.attention import Attended, SelfAttention, with_attention
from ganforge.layers.spectral import SNConv2d
from ganforge.regularizers.gradient_penalties import input_gradients


@torch.no_grad()
def looped(layer: SelfAttention, x: Tensor) -> Tensor:
    """Equations 1 to 3 of the paper with the pooling of the authors' code, pixel by pixel."""
    matrices = [
        (part.weight / torch.linalg.matrix_norm(part.weight.flatten(1), 2)).flatten(1)
        for part in (layer.query, layer.key, layer.value, layer.out)
    ]
    query, key, value, out = matrices
    result = x.clone()
    for image, made in zip(x, result, strict=True):
        _, height, width = image.shape
        corners = [(row, column) for row in range(0, height, 2) for column in range(0, width, 2)]
        keys, values = [], []
        for row, column in corners:
            pixels = [image[:, row + i, column + j] for i in (0, 1) for j in (0, 1)]
            keys.append(torch.stack([key @ pixel for pixel in pixels]).amax(0))
            values.append(torch.stack([value @ pixel for pixel in pixels]).amax(0))
        for row in range(height):
            for column in range(width):
                asked = query @ image[:, row, column]
                scores = [math.exp(asked @ one) for one in keys]
                average = sum(score * one for score, one in zip(scores, values, strict=True)) / sum(scores)
                made[:, row, column] += layer.sigma * (out @ average)
    return result


def exact(layer: nn.Module) -> nn.Module:
    """In eval mode, with directions that many steps of power iteration have found."""
    for part in layer.modules():
        if isinstance(part, SNConv2d):
            part.norm.u.copy_(torch.linalg.svd(part.weight.detach().flatten(1)).U[:, 0])
    return layer.eval()


@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("channels", [8, 16])
def test_attention_is_what_a_loop_over_pixels_gives(channels: int, memory_format: torch.memory_format) -> None:
    layer = exact(SelfAttention(channels).double())
    layer.sigma.data.fill_(0.7)
    x = torch.randn(2, channels, 6, 4, dtype=torch.float64)
    expected = looped(layer, x).detach()
    assert (expected - x).abs().max() > 0.1
    assert torch.allclose(layer(x.to(memory_format=memory_format)), expected, atol=1e-12)


def test_at_first_there_is_none_and_only_sigma_learns() -> None:
    layer = SelfAttention(8)
    x = torch.randn(2, 8, 4, 4)
    made = layer(x)
    assert torch.equal(made, x)
    made.square().sum().backward()
    assert layer.sigma.grad.abs() > 0
    assert all(not part.weight.grad.any() for part in layer.modules() if isinstance(part, SNConv2d))
    assert not any(name.startswith("sigma") for name, _ in layer.named_buffers())


def test_a_few_odd_pixels_are_asked_about_though_no_key_holds_them() -> None:
    layer = SelfAttention(8).eval()
    layer.sigma.data.fill_(1.0)
    assert layer(torch.randn(1, 8, 7, 7)).shape == (1, 8, 7, 7)


def test_a_gradient_can_be_differentiated_again() -> None:
    """As R1 and WGAN-GP need it."""
    layer = exact(SelfAttention(8).double())
    layer.sigma.data.fill_(0.5)
    x = torch.randn(1, 8, 4, 4, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradgradcheck(layer, x, atol=1e-6)
    penalty = input_gradients(lambda images: layer(images).square().sum((1, 2, 3)), x).square().sum()
    gradients = torch.autograd.grad(penalty, list(layer.parameters()))
    assert all(gradient.abs().max() > 0 for gradient in gradients)


@pytest.mark.parametrize(
    ("sizes", "limit", "place"),
    [([8, 16, 32], 16, 1), ([14, 28], 16, 0), ([8, 16, 32], 64, 2), ([16, 8, 8, 8], 8, 1), ([8, 16], None, None)],
)
def test_attention_sits_in_the_largest_maps_within_the_limit(sizes: list[int], limit: int, place: int) -> None:
    blocks = with_attention([nn.Identity() for _ in sizes], sizes, [8] * len(sizes), limit)
    assert [number for number, block in enumerate(blocks) if isinstance(block, Attended)] == [place] * (
        limit is not None
    )


def test_a_limit_below_all_maps_is_refused() -> None:
    with pytest.raises(ValueError, match="attention=4: the smallest maps of this network have 8x8 pixels"):
        with_attention([nn.Identity()], [8], [8], 4)
