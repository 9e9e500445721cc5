"""Sizes, classes, initial weights and gradients of R3GAN."""

import copy
import math

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import leaky_relu, one_hot

from ganforge.networks.r3gan import Block, Discriminator, Generator, stage_widths
from ganforge.regularizers.gradient_penalties import R1

from ..verdicts import output, projection


def awake(network: nn.Module) -> nn.Module:
    """With blocks that add something, as after a few turns."""
    for block in network.modules():
        if isinstance(block, Block):
            nn.init.normal_(block.reduce.weight, 0.0, 0.2)
    return network


@pytest.mark.parametrize("num_classes", [None, 3])
@pytest.mark.parametrize(("image_size", "channels"), [(8, 1), (16, 3), (28, 1), (32, 3), (48, 1), (64, 3)])
def test_every_size(image_size: int, channels: int, num_classes: int | None) -> None:
    sizes = {"width": 8, "blocks": 1, "group_width": 4}
    generator = Generator(7, image_size, channels, **sizes, num_classes=num_classes)
    discriminator = Discriminator(image_size, channels, **sizes, head=projection(num_classes))
    label = torch.tensor([0, 2, 1])
    images = generator(torch.randn(3, 7), label)
    assert images.shape == (3, channels, image_size, image_size)
    verdict = discriminator(images, label)
    assert verdict.logits.shape == (3,)
    assert verdict.features.shape == (3, 8)


def test_stages_are_of_one_width_up_to_32_pixels_and_half_with_each_doubling_beyond() -> None:
    """The authors' for 256 pixels are 768 (four times), 384, 192 and 96."""
    assert stage_widths(256, 768, 16) == [768] * 4 + [384, 192, 96]
    assert stage_widths(28, 768, 16) == [768] * 3


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ({"width": 12}, r"stages of \[12, 12, 12\] channels: 2 times each should be a multiple of group_width=16"),
        ({"width": 0}, "stages of"),
        ({"width": 8, "group_width": 0}, "group_width=0"),
        ({"width": 8, "blocks": 0}, "blocks=0 should be at least 1 in each stage"),
    ],
)
def test_what_makes_no_stage_is_refused(sizes: dict[str, int], message: str) -> None:
    for build in (lambda: Generator(7, 16, 1, **sizes), lambda: Discriminator(16, 1, **sizes)):
        with pytest.raises(ValueError, match=message):
            build()


@pytest.mark.parametrize("image_size", [1, 7, 30, 33])
def test_sizes_that_cannot_be_made_are_refused(image_size: int) -> None:
    for build in (lambda: Generator(7, image_size, 1), lambda: Discriminator(image_size, 1)):
        with pytest.raises(ValueError, match=f"cannot make {image_size}x{image_size}"):
            build()


def test_initial_weights_have_the_published_deviations() -> None:
    generator = Generator(64, 32, 3, 128, num_classes=10)
    discriminator = Discriminator(32, 3, 128, head=projection(10))
    gain = math.sqrt(2 / 1.04) * 8**-0.25
    expected = {
        "latent.embedding.weight": 1 / math.sqrt(10), "head.embedding.weight": 1 / math.sqrt(10 * 128),
        "expand.weight": gain / math.sqrt(128), "spatial.weight": gain / math.sqrt(16 * 9), "reduce.weight": 0.0,
        "bias": 0.0,
    }  # fmt: skip
    for network in (generator, discriminator):
        for name, weight in network.named_parameters():
            known = [value for ending, value in expected.items() if name.endswith(ending)]
            if known:
                assert weight.std().item() == pytest.approx(known[0], rel=0.1), name
    ends = [generator.first, generator.last, discriminator.first, discriminator.last]
    scales = [end.weight.std().item() * math.sqrt(end.weight[0].numel()) for end in ends]
    assert scales == pytest.approx([1] * 4, rel=0.15)
    assert generator.basis.std().item() == pytest.approx(1, rel=0.1)
    assert discriminator.basis.std().item() == pytest.approx(1 / 4, rel=0.1)


def test_at_first_blocks_add_nothing() -> None:
    images = torch.randn(2, 8, 5, 5)
    assert torch.equal(Block(8, 4, 3)(images), images)


def test_a_block_in_other_words() -> None:
    """Each group of the 3x3 convolution by a convolution of its own."""
    block, images = awake(Block(6, 4, 3)), torch.randn(2, 6, 5, 5)
    for bias in (block.expand.bias, block.spatial.bias):
        nn.init.normal_(bias)
    features = torch.einsum("bihw,oi->bohw", images, block.expand.weight[:, :, 0, 0])
    features = leaky_relu(features + block.expand.bias[:, None, None], 0.2)
    groups = [
        nn.functional.conv2d(part, weight, bias, padding=1)
        for part, weight, bias in zip(
            features.split(4, 1), block.spatial.weight.split(4), block.spatial.bias.split(4), strict=True
        )
    ]
    features = leaky_relu(torch.cat(groups, 1), 0.2)
    expected = images + torch.einsum("bihw,oi->bohw", features, block.reduce.weight[:, :, 0, 0])
    assert torch.allclose(block(images), expected, atol=1e-5)


def test_a_class_is_a_product_with_its_embedding() -> None:
    """one-hot y, embedded, times a linear map of the features, of which there is one for each channel."""
    discriminator = awake(Discriminator(16, 1, 8, group_width=4, head=projection(3)))
    images, label = torch.randn(2, 1, 16, 16), torch.tensor([2, 0])
    seen: list[Tensor] = []
    discriminator.last.register_forward_hook(lambda *passed: seen.append(passed[2]))
    logits = discriminator(images, label).logits
    embedded = one_hot(label, 3).float() @ discriminator.head.embedding.weight
    assert torch.allclose(logits, torch.einsum("bf,bf->b", seen[0], embedded), atol=1e-6)


def test_the_label_decides_the_output_and_its_vector_learns() -> None:
    label = torch.arange(4)
    for network, x in (
        (Generator(5, 16, 1, 8, num_classes=4), torch.randn(1, 5)),
        (Discriminator(16, 1, 8, head=projection(4)), torch.randn(1, 1, 16, 16)),
    ):
        outputs = output(awake(network), x.expand(4, *x.shape[1:]), label).view(4, -1)
        assert torch.pdist(outputs).min() > 1e-5
        outputs.square().sum().backward()
        gradients = [weight.grad for name, weight in network.named_parameters() if "embedding" in name]
        assert gradients and all(gradient.abs().amax(1).gt(0).all() for gradient in gradients)


def test_without_classes_labels_are_ignored() -> None:
    for network, x in (
        (Generator(5, 16, 1, 8), torch.randn(3, 5)),
        (Discriminator(16, 1, 8), torch.randn(3, 1, 16, 16)),
    ):
        assert not [key for key in network.state_dict() if "embedding" in key]
        assert torch.equal(output(network, x), output(network, x, torch.tensor([0, 1, 99])))


def test_images_do_not_influence_one_another() -> None:
    discriminator = awake(Discriminator(16, 1, 8))
    images = torch.randn(4, 1, 16, 16)
    assert torch.allclose(discriminator(images).logits[:1], discriminator(images[:1]).logits, atol=1e-5)


def test_a_penalty_differentiates_twice() -> None:
    """Against differences of the penalty along one direction of the weights."""
    discriminator = awake(Discriminator(8, 1, 8)).double()
    images = torch.randn(2, 1, 8, 8, dtype=torch.float64)

    def penalty(network: nn.Module) -> Tensor:
        return R1(weight=3.0)(lambda points: network(points).logits, images, images)

    penalty(discriminator).backward()
    parameters = [weight for weight in discriminator.parameters() if weight.grad is not None]
    along = [torch.randn_like(weight) for weight in parameters]
    slope = sum((weight.grad * step).sum() for weight, step in zip(parameters, along, strict=True))
    values = []
    for size in (1e-6, -1e-6):
        moved = copy.deepcopy(discriminator)
        targets = [weight for weight, own in zip(moved.parameters(), discriminator.parameters(), strict=True)
                   if own.grad is not None]  # fmt: skip
        for weight, step in zip(targets, along, strict=True):
            weight.data.add_(size * step)
        values.append(penalty(moved).item())
    assert slope.item() == pytest.approx((values[0] - values[1]) / 2e-6, rel=1e-4)


def test_pixels_before_channels_in_memory_changes_nothing() -> None:
    last = torch.channels_last
    for network, x in (
        (Generator(5, 16, 3, 8).double(), torch.randn(3, 5, dtype=torch.float64)),
        (Discriminator(16, 3, 8).double(), torch.randn(3, 3, 16, 16, dtype=torch.float64)),
    ):
        expected = output(awake(network), x)
        images = x.to(memory_format=last) if x.ndim == 4 else x
        assert torch.allclose(output(network.to(memory_format=last), images), expected, atol=1e-12)


def test_under_autocast_values_stay_near() -> None:
    generator, discriminator = awake(Generator(5, 16, 3, 16)), awake(Discriminator(16, 3, 16))
    z = torch.randn(4, 5)
    exact = discriminator(generator(z)).logits
    with torch.autocast("cpu", torch.bfloat16):
        rounded = discriminator(generator(z)).logits
    assert torch.allclose(rounded.float(), exact, rtol=0.1, atol=0.1 * exact.abs().max().item())
