"""Sizes, classes and independence of the networks with spectral norm."""

from typing import Any

import pytest
import torch
from torch import nn

from ganforge.layers.residual import DownBlock, UpBlock
from ganforge.layers.spectral import SNConv2d, SNLinear, SpectralNorm
from ganforge.networks import sngan, sngan_cnn

from ..verdicts import output, projection

BOTH = pytest.mark.parametrize("networks", [sngan, sngan_cnn], ids=["sngan", "sngan_cnn"])


@BOTH
@pytest.mark.parametrize("num_classes", [None, 3])
@pytest.mark.parametrize(("image_size", "channels"), [(8, 1), (16, 3), (28, 1), (32, 3), (48, 1), (64, 3)])
def test_every_size(networks: Any, image_size: int, channels: int, num_classes: int | None) -> None:
    generator = networks.Generator(7, image_size, channels, width=2, num_classes=num_classes)
    discriminator = networks.Discriminator(image_size, channels, width=2, head=projection(num_classes))
    label = torch.tensor([0, 2, 1])
    images = generator(torch.randn(3, 7), label)
    assert images.shape == (3, channels, image_size, image_size)
    assert images.abs().max() <= 1
    assert discriminator(images, label).logits.shape == (3,)


@pytest.mark.parametrize(("image_size", "ups", "halvings"), [(8, 1, 1), (16, 2, 1), (28, 2, 1), (32, 3, 2), (64, 4, 3)])
def test_stages_of_the_residual_networks(image_size: int, ups: int, halvings: int) -> None:
    blocks = [x for x in sngan.Generator(7, image_size, 1, width=2).modules() if isinstance(x, UpBlock)]
    assert len(blocks) == ups
    blocks = [x for x in sngan.Discriminator(image_size, 1, width=2).modules() if isinstance(x, DownBlock)]
    assert [block.halved for block in blocks] == [True] * halvings + [False] * 2
    assert [block.rectified for block in blocks] == [False] + [True] * (halvings + 1)


def test_widths_of_the_plain_networks() -> None:
    with torch.device("meta"):
        generator, discriminator = sngan_cnn.Generator(128, 32, 3), sngan_cnn.Discriminator(32, 3)
    assert [layer.in_channels for layer in generator.convolutions] == [512, 256, 128, 64]
    layers = [layer for layer in discriminator.modules() if isinstance(layer, nn.Conv2d)]
    assert [layer.out_channels for layer in layers] == [64, 128, 128, 256, 256, 512, 512]
    assert [layer.stride[0] for layer in layers] == [1, 2, 1, 2, 1, 2, 1]


@BOTH
@pytest.mark.parametrize("image_size", [1, 7, 30, 33])
def test_sizes_that_cannot_be_made_are_refused(networks: Any, image_size: int) -> None:
    for build in (lambda: networks.Generator(7, image_size, 1), lambda: networks.Discriminator(image_size, 1)):
        with pytest.raises(ValueError, match=f"cannot make {image_size}x{image_size}"):
            build()


@BOTH
@pytest.mark.parametrize("width", [0, -1])
def test_a_stage_without_channels_is_refused(networks: Any, width: int) -> None:
    for build in (lambda: networks.Generator(7, 16, 1, width), lambda: networks.Discriminator(16, 1, width)):
        with pytest.raises(ValueError, match="at least 1 channel"):
            build()


@BOTH
@pytest.mark.parametrize("num_classes", [None, 3])
def test_a_discriminator_is_normalised_and_a_generator_is_not(networks: Any, num_classes: int | None) -> None:
    discriminator = networks.Discriminator(32, 3, 2, head=projection(num_classes))
    for layer in discriminator.modules():
        assert not isinstance(layer, nn.Conv2d | nn.Linear) or isinstance(layer, SNConv2d | SNLinear)
        assert not isinstance(layer, nn.BatchNorm2d)
    assert num_classes is None or isinstance(discriminator.head.embedding.norm, SpectralNorm)
    assert not [x for x in networks.Generator(7, 32, 3, 2, num_classes).modules() if isinstance(x, SpectralNorm)]


def test_without_spectral_norm_a_discriminator_remembers_nothing() -> None:
    assert not list(sngan.Discriminator(32, 3, 2, head=projection(4), spectral_norm=False).buffers())


@BOTH
def test_images_do_not_influence_one_another(networks: Any) -> None:
    discriminator = networks.Discriminator(32, 1, 4).eval()
    images = torch.randn(4, 1, 32, 32)
    assert torch.allclose(discriminator(images).logits[:1], discriminator(images[:1]).logits, atol=1e-5)


@BOTH
def test_the_label_decides_the_output_and_its_vector_learns(networks: Any) -> None:
    label = torch.arange(4)
    for network, x in (
        (networks.Generator(5, 16, 1, 4, 4), torch.randn(1, 5)),
        (networks.Discriminator(16, 1, 4, head=projection(4)), torch.randn(1, 1, 16, 16)),
    ):
        network.eval()
        for name, weight in network.named_parameters():
            if "embedding" in name:
                nn.init.normal_(weight)
        outputs = output(network, x.expand(4, *x.shape[1:]), label).view(4, -1)
        assert torch.pdist(outputs).min() > 1e-5
        outputs.square().sum().backward()
        gradients = [weight.grad for name, weight in network.named_parameters() if "embedding" in name]
        assert gradients and all(gradient.abs().amax(1).gt(0).all() for gradient in gradients)


@BOTH
def test_without_classes_labels_are_ignored(networks: Any) -> None:
    for network, x in (
        (networks.Generator(5, 16, 1, 2).eval(), torch.randn(3, 5)),
        (networks.Discriminator(16, 1, 2).eval(), torch.randn(3, 1, 16, 16)),
    ):
        assert not [key for key in network.state_dict() if "embedding" in key]
        assert torch.equal(output(network, x), output(network, x, torch.tensor([0, 1, 99])))


def test_features_are_summed_over_all_pixels_and_projected_onto() -> None:
    """Equation 3 of Miyato and Koyama 2018 with sums in the place of means, of rectified features."""
    discriminator = sngan.Discriminator(16, 1, 4, head=projection(3)).eval()
    images, label = torch.randn(2, 1, 16, 16), torch.tensor([2, 0])
    phi = discriminator.blocks(images).relu().sum((2, 3))
    embedding = discriminator.head.embedding
    expected = discriminator.last(phi).flatten() + (embedding.norm(embedding.weight)[label] * phi).sum(1)
    assert torch.allclose(discriminator(images, label).logits, expected, rtol=1e-5)


@BOTH
def test_pixels_before_channels_in_memory_changes_nothing(networks: Any) -> None:
    last = torch.channels_last
    for network, x in (
        (networks.Generator(5, 16, 3, 4).double().eval(), torch.randn(3, 5, dtype=torch.float64)),
        (networks.Discriminator(16, 3, 4).double().eval(), torch.randn(3, 3, 16, 16, dtype=torch.float64)),
    ):
        expected = output(network, x)
        images = x.to(memory_format=last) if x.ndim == 4 else x
        assert torch.allclose(output(network.to(memory_format=last), images), expected, atol=1e-12)
