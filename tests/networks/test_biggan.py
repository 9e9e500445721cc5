"""SAGAN and BigGAN: sizes, classes, the hierarchical latent, attention, and what is spectrally normalised."""

from typing import Any

import pytest
import torch
from torch import nn

from ganforge.layers.attention import Attended
from ganforge.layers.conditioning import ClassEmbedding
from ganforge.layers.residual import DownBlock, UpBlock
from ganforge.layers.spectral import SNConv2d, SNLinear, SpectralNorm
from ganforge.networks import biggan, sagan

from ..verdicts import output, projection

BOTH = pytest.mark.parametrize("networks", [sagan, biggan], ids=["sagan", "biggan"])
HIERARCHIES = [(None, None, False), (None, 4, True), (3, None, False), (3, 4, False), (3, 4, True)]


@BOTH
@pytest.mark.parametrize("num_classes", [None, 3])
@pytest.mark.parametrize(("image_size", "channels"), [(8, 1), (16, 3), (28, 1), (32, 3), (48, 1), (64, 3), (128, 3)])
def test_every_size(networks: Any, image_size: int, channels: int, num_classes: int | None) -> None:
    generator = networks.Generator(13, image_size, channels, 1, num_classes, attention=16)
    discriminator = networks.Discriminator(image_size, channels, 1, 16, head=projection(num_classes))
    label = torch.tensor([0, 2, 1])
    images = generator(torch.randn(3, 13), label)
    assert images.shape == (3, channels, image_size, image_size)
    assert images.abs().max() <= 1
    assert discriminator(images, label).logits.shape == (3,)
    for player in (generator, discriminator):
        assert sum(isinstance(layer, Attended) for layer in player.modules()) == 1


@BOTH
@pytest.mark.parametrize("num_classes", [None, 3])
def test_all_but_the_generators_class_vectors_is_normalised(networks: Any, num_classes: int | None) -> None:
    for player in (
        networks.Generator(13, 32, 3, 1, num_classes),
        networks.Discriminator(32, 3, 1, head=projection(num_classes)),
    ):
        for layer in player.modules():
            assert not isinstance(layer, nn.Conv2d | nn.Linear) or isinstance(layer, SNConv2d | SNLinear)
            if isinstance(layer, ClassEmbedding):
                assert isinstance(layer.norm, SpectralNorm) == isinstance(player, networks.Discriminator)


@pytest.mark.parametrize("attention", [None, 8, 16, 32])
def test_attention_sits_where_it_is_asked_for(attention: int | None) -> None:
    seen: list[tuple[int, ...]] = []
    for player, x in (
        (sagan.Generator(5, 32, 3, 8, attention=attention), torch.randn(2, 5)),
        (sagan.Discriminator(32, 3, 8, attention=attention), torch.randn(2, 3, 32, 32)),
    ):
        for layer in player.modules():
            if isinstance(layer, Attended):
                layer.attention.register_forward_hook(lambda *call: seen.append(tuple(call[2].shape[2:])))
        player(x)
    expected = [] if attention is None else [(attention, attention), (min(attention, 16),) * 2]
    assert seen == expected


@pytest.mark.parametrize(("num_classes", "shared", "hierarchical"), HIERARCHIES)
def test_every_part_of_the_latent_and_every_class_matters(num_classes: int, shared: int, hierarchical: bool) -> None:
    """17 dimensions are 4 parts of 4, and one that is left out."""
    generator = biggan.Generator(17, 32, 1, 1, num_classes, shared, hierarchical).double().eval()
    z, label = torch.randn(17, dtype=torch.float64).expand(18, 17).clone(), torch.zeros(18, dtype=torch.long)
    z[range(17), range(17)] += 1.0
    changes = (generator(z, label) - generator(z[-1:], label[:1])).flatten(1).abs().amax(1)
    assert (changes > 1e-9).tolist() == [True] * 16 + [not hierarchical, False]
    assert torch.equal(generator(z, label), generator(z, label + 1)) == (num_classes is None)


def test_a_block_sees_its_own_part_of_the_latent_beside_the_class() -> None:
    generator = biggan.Generator(16, 32, 1, 1, 3, 5, True).eval()
    conditions: list[torch.Tensor] = []
    for layer in generator.modules():
        if isinstance(layer, UpBlock):
            layer.register_forward_pre_hook(lambda _, inputs: conditions.append(inputs[1]))
    z, label = torch.randn(2, 16), torch.tensor([2, 0])
    generator(z, label)
    vectors = generator.embedding.weight[label]
    assert [condition.tolist() for condition in conditions] == [
        torch.cat([vectors, z[:, first : first + 4]], 1).tolist() for first in (4, 8, 12)
    ]


@pytest.mark.parametrize(
    ("image_size", "ups", "downs", "halvings"),
    [
        (16, [4, 4, 4], [4, 4, 4], 1),
        (32, [4, 4, 4, 4], [4, 4, 4, 4], 2),
        (64, [16, 16, 8, 4, 2], [1, 2, 4, 8, 16], 4),
        (128, [16, 16, 8, 4, 2, 1], [1, 2, 4, 8, 16, 16], 5),
        (256, [16, 16, 8, 8, 4, 2, 1], [1, 2, 4, 8, 8, 16, 16], 6),
    ],
)
def test_widths_are_the_published_ones(image_size: int, ups: list[int], downs: list[int], halvings: int) -> None:
    with torch.device("meta"):
        generator, discriminator = biggan.Generator(20, image_size, 3, 2), biggan.Discriminator(image_size, 3, 2)
    blocks = [layer for layer in generator.modules() if isinstance(layer, UpBlock)]
    assert [generator.shape[0], *[block.second.out_channels for block in blocks]] == [2 * width for width in ups]
    blocks = [layer for layer in discriminator.modules() if isinstance(layer, DownBlock)]
    assert [block.second.out_channels for block in blocks] == [2 * width for width in downs]
    assert [block.halved for block in blocks] == [number < halvings for number in range(len(blocks))]
    assert [block.rectified for block in blocks] == [number > 0 for number in range(len(blocks))]


@pytest.mark.parametrize("initialization", ["normal", "orthogonal"])
def test_initial_weights(initialization: Any) -> None:
    for player in (
        biggan.Generator(64, 32, 3, 8, 5, 16, initialization=initialization),
        biggan.Generator(64, 32, 3, 8, 5, None, False, initialization=initialization),
        biggan.Discriminator(32, 3, 8, initialization=initialization, head=projection(5)),
    ):
        for name, weight in player.named_parameters():
            if weight.ndim > 1 and initialization == "normal":
                assert weight.std().item() == pytest.approx(0.02, rel=0.4), name
            elif weight.ndim > 1:
                matrix = weight.flatten(1)
                matrix = matrix if len(matrix) <= matrix.shape[1] else matrix.t()
                assert torch.allclose(matrix @ matrix.t(), torch.eye(len(matrix)), atol=1e-5), name
            elif name.endswith("bias"):
                assert not weight.any()


@pytest.mark.parametrize(
    ("choices", "message"),
    [
        ({"shared": None, "num_classes": 3}, "goes with class vectors that are shared"),
        ({"latent_dim": 3}, "a hierarchical latent of 3 dimensions has no 4 parts"),
        ({"attention": 4}, "attention=4: the smallest maps of this network have 8x8 pixels"),
        ({"width": 0}, "at least 1 channel"),
        ({"image_size": 30}, "cannot make 30x30"),
        ({"image_size": 1024}, "no published widths for 8 changes"),
    ],
)
def test_what_cannot_be_built_is_refused(choices: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        biggan.Generator(**{"latent_dim": 16, "image_size": 32, "channels": 1} | choices)


@BOTH
def test_pixels_before_channels_in_memory_changes_nothing(networks: Any) -> None:
    for player, x in (
        (networks.Generator(16, 16, 3, 4, attention=16), torch.randn(3, 16, dtype=torch.float64)),
        (networks.Discriminator(16, 3, 4, attention=8), torch.randn(3, 3, 16, 16, dtype=torch.float64)),
    ):
        player.double().eval()
        for layer in player.modules():
            if isinstance(layer, Attended):
                layer.attention.sigma.data.fill_(1.0)
        expected = output(player, x)
        images = x.to(memory_format=torch.channels_last) if x.ndim == 4 else x
        assert torch.allclose(output(player.to(memory_format=torch.channels_last), images), expected, atol=1e-12)
