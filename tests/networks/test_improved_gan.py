"""The networks of Salimans et al. 2016: their sizes, their K logits, their start."""

import pytest
import torch
from torch import nn

from ganforge.networks import improved_gan


def weights(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def test_as_many_weights_as_the_authors_networks_have() -> None:
    """Counted from the shapes in their code."""
    assert weights(improved_gan.Generator(100, 28, 1, [500, 500])) == 694_568
    assert weights(improved_gan.Discriminator(28, 1, 10, [1000, 500, 250, 250, 250])) == 1_538_770
    convolutions = 9 * (3 * 96 + 96 * 96 * 2 + 96 * 192 + 192 * 192 * 3) + 192 * 192 * 2 + 192 * 10
    biases_and_scales = 3 * 96 + 6 * 192 + 10 + 10
    assert weights(improved_gan.ConvolutionalDiscriminator(32, 3, 10)) == convolutions + biases_and_scales
    doublings = 25 * (512 * 256 + 256 * 128 + 128 * 3) + 100 * 8192
    assert weights(improved_gan.ConvolutionalGenerator(100, 32, 3)) == doublings + 8192 + 256 + 128 + 3 + 3


@pytest.mark.parametrize(
    ("generator", "discriminator"),
    [
        (improved_gan.Generator(6, 16, 3, [8]), improved_gan.Discriminator(16, 3, 4, [8, 5])),
        (improved_gan.ConvolutionalGenerator(6, 16, 3, 2), improved_gan.ConvolutionalDiscriminator(16, 3, 4, 2)),
    ],
    ids=["perceptrons", "convolutions"],
)
def test_an_image_is_real_with_the_odds_of_its_classes(generator: nn.Module, discriminator: nn.Module) -> None:
    images = generator(torch.rand(5, 6) * 2 - 1)
    assert images.shape == (5, 3, 16, 16)
    assert images.abs().max() <= 1
    verdict = discriminator.eval()(images)
    odds = verdict.classes.exp().sum(1)
    assert verdict.classes.shape == (5, 4)
    assert torch.allclose(verdict.logits.sigmoid(), odds / (odds + 1), atol=1e-6)
    assert torch.equal(discriminator(images).logits, verdict.logits)
    assert not torch.equal(discriminator.train()(images).logits, verdict.logits), "noise belongs to training"


def test_logits_start_at_the_scale_of_the_paper() -> None:
    discriminator = improved_gan.ConvolutionalDiscriminator(16, 3, 4, 8).eval()
    torch.manual_seed(3)
    discriminator.start_from(torch.rand(100, 3, 16, 16) * 2 - 1)
    assert not discriminator.training
    torch.manual_seed(3)
    classes = discriminator.train()(torch.rand(100, 3, 16, 16) * 2 - 1).classes
    assert classes.std(0).sub(0.1).abs().max() < 0.05
    assert improved_gan.ConvolutionalGenerator(4, 16, 3, 2).start_from(torch.rand(9, 4)) is None


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: improved_gan.Discriminator(8, 1, 3, []), "at least one layer"),
        (lambda: improved_gan.Generator(8, 8, 1, [0]), "at least one unit"),
        (lambda: improved_gan.Discriminator(8, 1, 3, [4], noise=-1.0), "noise must not be negative"),
        (lambda: improved_gan.ConvolutionalGenerator(4, 28, 1), "cannot make 28x28 images: .* multiples of 8"),
        (lambda: improved_gan.ConvolutionalDiscriminator(16, 1, 3, 0), "at least 1 channel"),
    ],
)
def test_what_cannot_be_is_refused(make: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()  # type: ignore[operator]
