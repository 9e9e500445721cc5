"""Networks that grow: every level against loops, fades between two of them, and what is not in use."""

import copy
import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, conv2d, interpolate, leaky_relu, linear

from ganforge.networks import progan

from ..verdicts import output, projection

LEVELS = pytest.mark.parametrize("level", [0.0, 0.25, 1.0, 1.5, 2.0])


def generator(**options: Any) -> progan.Generator:
    return progan.Generator(6, 16, 3, fmap_base=32, fmap_max=8, **options).double()


def discriminator(**options: Any) -> progan.Discriminator:
    return progan.Discriminator(16, 3, fmap_base=32, fmap_max=8, **options).double()


def latents(count: int = 4) -> Tensor:
    return torch.randn(count, 6, dtype=torch.float64)


def pictures(count: int = 4) -> Tensor:
    return torch.randn(count, 3, 16, 16, dtype=torch.float64)


@pytest.mark.parametrize(("image_size", "channels"), [(8, 1), (16, 3), (28, 1), (32, 3), (48, 1), (64, 3)])
@pytest.mark.parametrize("num_classes", [None, 3])
def test_every_size_at_every_level(image_size: int, channels: int, num_classes: int | None) -> None:
    makes = progan.Generator(7, image_size, channels, 32, 2, num_classes)
    judges = progan.Discriminator(image_size, channels, 32, 2)
    label = torch.tensor([0, 2, 1])
    for half in range(2 * makes.levels + 1):
        makes.grow(half / 2)
        judges.grow(half / 2)
        images = makes(torch.randn(3, 7), label)
        assert images.shape == (3, channels, image_size, image_size)
        assert output(judges, images).shape == (3,)


@pytest.mark.parametrize("image_size", [1, 7, 30, 33])
def test_sizes_that_cannot_be_made_are_refused(image_size: int) -> None:
    for build in (progan.Generator, progan.Discriminator):
        with pytest.raises(ValueError, match=f"cannot make {image_size}x{image_size}"):
            build(*[7][: build is progan.Generator], image_size, 1)


@pytest.mark.parametrize("widths", [(4, 8), (32, 0)])
def test_a_level_without_channels_is_refused(widths: tuple[int, int]) -> None:
    for build in (progan.Generator, progan.Discriminator):
        with pytest.raises(ValueError, match="leave no channel for 2 levels"):
            build(*[7][: build is progan.Generator], 16, 1, *widths)


def test_widths_halve_from_the_level_where_they_are_fewer_than_the_most() -> None:
    assert progan.widths(8, 8192, 512) == [512, 512, 512, 512, 256, 128, 64, 32, 16]
    assert progan.widths(3, 1024, 128) == [128, 128, 128, 64]


@pytest.mark.parametrize("level", [-0.1, 2.1, math.nan, math.inf])
def test_levels_that_are_not_there_are_refused(level: float) -> None:
    network = generator()
    with pytest.raises(ValueError, match="2 levels cannot use"):
        network.grow(level)
    state = network.state_dict() | {"level": torch.tensor(level)}
    with pytest.raises(ValueError, match="2 levels cannot use"):
        network.load_state_dict(state)


def normal(features: Tensor) -> Tensor:
    rectified = leaky_relu(features, 0.2)
    return rectified / (rectified.pow(2).mean(1, keepdim=True) + 1e-8).sqrt()


def doubled(images: Tensor) -> Tensor:
    return images.repeat_interleave(2, 2).repeat_interleave(2, 3)


def convolved(features: Tensor, layer: nn.Conv2d, gain: float = math.sqrt(2)) -> Tensor:
    scale = gain / math.sqrt(layer.weight[0].numel())
    return conv2d(features, scale * layer.weight, layer.bias, padding=layer.weight.shape[-1] // 2)


def with_biases(network: nn.Module) -> nn.Module:
    """Biases begin at zero."""
    for name, weight in network.named_parameters():
        if name.endswith("bias"):
            nn.init.normal_(weight)
    return network


@LEVELS
@pytest.mark.parametrize("num_classes", [None, 4])
def test_the_generator_is_that_of_table_2(level: float, num_classes: int | None) -> None:
    network: Any = with_biases(generator(num_classes=num_classes))
    network.grow(level)
    z, label = latents(), torch.tensor([3, 0, 1, 1])
    start = z if num_classes is None else torch.cat([z, torch.eye(4, dtype=z.dtype)[label]], 1)
    start = start / (start.pow(2).mean(1, keepdim=True) + 1e-8).sqrt()
    first = linear(start, network.first.weight * math.sqrt(2) / 4 / math.sqrt(start.shape[1]))
    features = normal(first.view(4, 8, 4, 4) + network.first_bias)
    features = normal(convolved(features, network.second))
    images = [convolved(features, network.to_images[0], gain=1)]
    for up, to_image in zip(network.ups, network.to_images[1:], strict=True):
        features = normal(convolved(normal(convolved(doubled(features), up.first)), up.second))
        images.append(convolved(features, to_image, gain=1))
    coarser, finer = images[int(level)], images[math.ceil(level)]
    for _ in range(2 - int(level)):
        coarser = doubled(coarser)
    for _ in range(2 - math.ceil(level)):
        finer = doubled(finer)
    expected = coarser + (level % 1) * (finer - coarser)
    assert torch.allclose(network(z, label), expected, atol=1e-10)


@LEVELS
@pytest.mark.parametrize("fused", [False, True])
def test_the_discriminator_is_that_of_table_2_or_averages_before_the_rectifier(level: float, fused: bool) -> None:
    network: Any = with_biases(discriminator(fused=fused))
    network.grow(level)
    images = pictures()

    def seen(number: int) -> Tensor:
        image = avg_pool2d(images, 2 ** (2 - number))
        return leaky_relu(convolved(image, network.from_images[number]), 0.2)

    def halved(features: Tensor, number: int) -> Tensor:
        features = convolved(
            leaky_relu(convolved(features, network.downs[number].first), 0.2), network.downs[number].second
        )
        return leaky_relu(avg_pool2d(features, 2), 0.2) if fused else avg_pool2d(leaky_relu(features, 0.2), 2)

    features, share = seen(math.ceil(level)), level % 1
    for number in reversed(range(math.ceil(level))):
        features = halved(features, number)
        if share:
            features, share = seen(number) + share * (features - seen(number)), 0.0
    deviation = (features.var(0, correction=0) + 1e-8).sqrt().mean().expand(4, 1, 4, 4)
    features = leaky_relu(convolved(torch.cat([features, deviation], 1), network.last), 0.2)
    hidden = network.hidden.weight * math.sqrt(2 / 128)
    features = leaky_relu(linear(features.flatten(1), hidden, network.hidden.bias), 0.2)
    expected = linear(features, network.logit.weight / math.sqrt(8), network.logit.bias).flatten()
    assert torch.allclose(output(network, images), expected, atol=1e-10)


@pytest.mark.parametrize("level", [1, 2])
def test_growth_is_continuous(level: int) -> None:
    for network, x in ((generator(), latents()), (discriminator(), pictures())):
        network.grow(level)
        there = output(network, x)
        network.grow(level - 1e-6)
        assert torch.allclose(output(network, x), there, atol=1e-4)
        assert not torch.equal(output(network, x), there)
        if level < network.levels:
            network.grow(level + 1e-6)
            assert torch.allclose(output(network, x), there, atol=1e-4)


def test_a_fade_mixes_images() -> None:
    network, z = generator(), latents()
    images = []
    for level in (1.0, 1.25, 1.75, 2.0):
        network.grow(level)
        images.append(network(z))
    coarser, first, later, finer = images
    assert torch.allclose(first, 0.75 * interpolate(avg_pool2d(coarser, 2), scale_factor=2) + 0.25 * finer)
    assert torch.allclose(later, coarser + 0.75 * (finer - coarser))


@LEVELS
def test_weights_of_levels_that_are_not_in_use_are_not_touched(level: float) -> None:
    for network, x in ((generator(), latents()), (discriminator(), pictures())):
        network.grow(level)
        output(network, x).square().sum().backward()
        touched = {name for name, weight in network.named_parameters() if weight.grad is not None}
        in_use = {math.floor(level), math.ceil(level)}
        for name, _ in network.named_parameters():
            part, number, *_ = [*name.split("."), ""]
            if part in ("to_images", "from_images"):
                assert (name in touched) == (int(number) in in_use)
            elif part in ("ups", "downs"):
                assert (name in touched) == (int(number) < level)
            else:
                assert name in touched


@LEVELS
def test_the_level_goes_with_the_weights(level: float) -> None:
    network, z = generator(), latents()
    network.grow(level)
    copied, fresh = copy.deepcopy(network), generator()
    with torch.device("meta"):
        empty = progan.Generator(6, 16, 3, fmap_base=32, fmap_max=8)
    assert fresh.grown == 2
    fresh.load_state_dict(network.state_dict())
    empty.load_state_dict(network.state_dict(), assign=True)
    for other in (copied, fresh, empty):
        assert (other.grown, other.whole, other.top) == (level, math.floor(level), math.ceil(level))
        assert torch.equal(other(z), network(z))


def test_a_level_that_rounds_to_a_whole_one_is_one() -> None:
    """The buffer has fewer digits than the clock's fractions, and a copy must compute what the network does."""
    network = generator().float()
    network.grow(1 - 1e-12)
    assert (network.grown, network.whole, network.top) == (1, 1, 1)


def test_the_label_decides_the_image_and_without_classes_is_ignored() -> None:
    network, z = generator(num_classes=4), latents(1).expand(4, -1)
    images = network(z, torch.arange(4)).view(4, -1)
    assert torch.pdist(images).min() > 1e-5
    assert torch.allclose(network(z, torch.tensor([1, 1, 1, 1]))[2], images[1].view(3, 16, 16))
    with pytest.raises(AssertionError, match="needs a label"):
        network(z)
    plain = generator()
    assert torch.equal(plain(z), plain(z, torch.tensor([0, 1, 2, 99])))


@LEVELS
def test_pixels_before_channels_in_memory_changes_nothing(level: float) -> None:
    last = torch.channels_last
    for network, x in ((generator(), latents()), (discriminator(), pictures())):
        network.grow(level)
        expected = output(network, x)
        images = x.to(memory_format=last) if x.ndim == 4 else x
        assert torch.allclose(output(network.to(memory_format=last), images), expected, atol=1e-12)


@LEVELS
def test_a_discriminator_can_be_differentiated_twice(level: float) -> None:
    network = discriminator()
    network.grow(level)
    images = pictures().requires_grad_()
    (gradient,) = torch.autograd.grad(output(network, images).sum(), images, create_graph=True)
    gradient.square().sum().backward()
    assert network.last.weight.grad.abs().sum() > 0
    assert images.grad.abs().sum() > 0


@LEVELS
def test_mixed_precision_computes_nearly_the_same(level: float) -> None:
    for network, x in ((generator().float(), latents().float()), (discriminator().float(), pictures().float())):
        network.grow(level)
        with torch.autocast("cpu", torch.bfloat16):
            mixed = output(network, x)
        assert mixed.dtype == torch.bfloat16
        assert (mixed - output(network, x)).abs().mean() < 0.02


def test_compiled_networks_have_a_graph_for_each_part_of_the_growth() -> None:
    """Not for each step of a fade."""
    for network, x in ((generator(), latents()), (discriminator(), pictures())):
        graphs = []

        def compiled(graph: Any, _: Any, graphs: list[Any] = graphs) -> Any:
            graphs.append(graph)
            return graph.forward

        eager = copy.deepcopy(network)
        network.compile(backend=compiled, fullgraph=True)
        for level, count in ((0.0, 1), (0.1, 2), (0.5, 2), (0.9, 2), (1.0, 3), (1.3, 4), (1.7, 4), (2.0, 5)):
            network.grow(level)
            eager.grow(level)
            assert torch.allclose(output(network, x), output(eager, x))
            assert len(graphs) == count


@LEVELS
def test_every_condition_enters_the_discriminator_at_every_level(level: float) -> None:
    images, label = pictures(), torch.tensor([2, 0, 1, 2])
    for options in ({"label_planes": 3}, {"head": projection(3)}):
        network = discriminator(**options)
        network.grow(level)
        there, here = network(images, label).logits, network(images, label.flip(0)).logits
        assert not torch.allclose(there, here)
    verdict = network(images, label)
    assert verdict.features.shape == (4, 8)
    plain = network.logit(verdict.features).flatten()
    assert torch.allclose(verdict.logits, plain + (network.head.embedding.weight[label] * verdict.features).sum(1))


def test_a_classifier_in_the_discriminators_last_layer_has_the_published_size() -> None:
    """With ten labels the paper's last layer has eleven outputs; the ten of the classes belong to a head."""
    with torch.device("meta"):
        network = progan.Discriminator(32, 3)
        published = nn.Linear(network.logit.in_features, 10)
    assert sum(weight.numel() for part in (network, published) for weight in part.parameters()) == 20_731_915
