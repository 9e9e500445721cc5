"""StyleGAN2: sizes and classes, styles, noise, precision, and the discriminator's groups."""

import copy
import math
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn.functional import interpolate

from ganforge.networks.stylegan2 import Discriminator, Generator, Mapping
from ganforge.regularizers.gradient_penalties import R1
from ganforge.systems.averaging import update_average

from ..verdicts import output, projection

SMALL: dict[str, Any] = {"channel_max": 8}
TINY: dict[str, Any] = {"latent_dim": 6, "image_size": 16, "channels": 1, "w_dim": 7, "mapping_layers": 2} | SMALL


@pytest.mark.parametrize("num_classes", [None, 3])
@pytest.mark.parametrize("architecture", ["orig", "resnet"])
@pytest.mark.parametrize(("image_size", "channels"), [(8, 1), (16, 3), (28, 1), (40, 3), (64, 1)])
def test_every_size(architecture: Any, image_size: int, channels: int, num_classes: int | None) -> None:
    generator = Generator(5, image_size, channels, 6, 2, num_classes=num_classes, **SMALL)
    discriminator = Discriminator(image_size, channels, architecture, head=projection(num_classes), **SMALL)
    label = torch.tensor([0, 2, 1])
    images = generator(torch.randn(3, 5), label)
    assert images.shape == (3, channels, image_size, image_size)
    assert output(discriminator, images, label).shape == (3,)


@pytest.mark.parametrize("image_size", [4, 7, 30, 33])
def test_sizes_that_cannot_be_made_are_refused(image_size: int) -> None:
    for build in (lambda: Generator(5, image_size, 1), lambda: Discriminator(image_size, 1)):
        with pytest.raises(ValueError, match=f"cannot make {image_size}x{image_size}"):
            build()


def test_channels_fall_with_the_resolution_and_never_to_none() -> None:
    with torch.device("meta"):
        generator, discriminator = Generator(512, 1024, 3), Discriminator(1024, 3)
    widths = [512, 512, 512, 512, 512, 256, 128, 64, 32]
    assert [layer.convolution.weight.shape[1] for layer in generator.synthesis.to_image] == widths
    assert [halving.first.in_channels for halving in discriminator.halvings] == widths[:0:-1]
    assert generator.synthesis.layers == 18
    assert Generator(5, 16, 1, channel_base=16)(torch.randn(2, 5)).shape == (2, 1, 16, 16)
    with pytest.raises(ValueError, match="leave no channels at 64 pixels"):
        Generator(5, 64, 1, channel_base=63)
    with pytest.raises(ValueError, match="leave no channels at 64 pixels"):
        Discriminator(64, 1, channel_max=0)


@pytest.mark.parametrize("mixing", [-0.1, 1.1])
def test_mixing_is_a_probability(mixing: float) -> None:
    with pytest.raises(ValueError, match="should be a probability"):
        Generator(**TINY, mixing=mixing)


def test_the_length_of_a_latent_does_not_count() -> None:
    mapping = Mapping(6, 7, 2).double()
    z = torch.randn(4, 6, dtype=torch.float64)
    assert torch.allclose(mapping(z, None), mapping(3 * z, None), atol=1e-6)
    assert not torch.allclose(mapping(z, None), mapping(-z, None), atol=1e-2)


def test_a_mapping_of_classes_is_that_of_vectors_with_a_one() -> None:
    mapping = Mapping(0, 5, 1, num_classes=4)
    torch.nn.init.normal_(mapping.embedding.bias)
    label = torch.tensor([3, 0, 3])
    vectors = torch.nn.functional.one_hot(label, 4).float() @ mapping.embedding.weight.T / 2 + mapping.embedding.bias
    vectors = vectors / vectors.square().mean(1, keepdim=True).sqrt()
    assert torch.allclose(mapping(None, label), mapping.layers(vectors), atol=1e-5)


def test_at_first_images_are_the_sum_of_every_resolution_in_itself() -> None:
    """Filters in the place of every upsampling, by PyTorch's bilinear one on zeros around the image."""
    generator = Generator(**TINY).double().eval()
    styles = generator.styles(torch.randn(2, 6, dtype=torch.float64))
    synthesis, shown = generator.synthesis, []
    features = synthesis.stages[0](synthesis.constant.expand(2, -1, -1, -1), styles[:, 0])
    shown.append(synthesis.to_image[0](features, styles[:, 1]))
    for number in (1, 2):
        features = synthesis.stages[2 * number - 1](features, styles[:, 2 * number - 1])
        features = synthesis.stages[2 * number](features, styles[:, 2 * number])
        shown.append(synthesis.to_image[number](features, styles[:, 2 * number + 1]))
    images = shown[0]
    for more in shown[1:]:
        wide = torch.nn.functional.pad(images, (1, 1, 1, 1))
        images = interpolate(wide, scale_factor=2, mode="bilinear")[..., 2:-2, 2:-2] + more
    assert torch.allclose(synthesis(styles), images, atol=1e-12)


def test_without_truncation_all_latents_differ_and_with_all_of_it_none() -> None:
    generator = Generator(**TINY)
    for _ in range(3):
        generator(torch.randn(16, 6))
    generator.eval()
    z = torch.randn(4, 6)
    assert torch.pdist(generator(z).flatten(1)).min() > 1e-3
    generator.psi = 0.0
    images = generator(z)
    assert torch.equal(images, images[:1].expand_as(images))
    w = generator.average.expand(1, generator.synthesis.layers, -1)
    assert torch.allclose(images[:1], generator.synthesis(w), atol=1e-5)
    generator.psi = 0.25
    w = generator.average + 0.25 * (generator.mapping(z, None) - generator.average)
    assert torch.allclose(generator.styles(z)[:, 0], w, atol=1e-6)


def test_training_averages_w_and_evaluating_leaves_no_trace() -> None:
    generator = Generator(**TINY)
    batches, expected = torch.randn(5, 8, 6), torch.zeros(7)
    for z in batches:
        generator(z)
        expected = 0.995 * expected + 0.005 * generator.mapping(z, None).mean(0)
    assert torch.allclose(generator.average, expected, atol=1e-6)
    assert not generator.average.requires_grad
    before = copy.deepcopy(generator.state_dict())
    state = torch.get_rng_state()
    generator.eval()(batches[0])
    assert all(torch.equal(value, before[name]) for name, value in generator.state_dict().items())
    assert torch.equal(torch.get_rng_state(), state)


def test_the_averaged_copy_takes_over_the_average_of_w() -> None:
    live = Generator(**TINY)
    average = copy.deepcopy(live).requires_grad_(False).eval()
    live(torch.randn(8, 6))
    torch.nn.init.normal_(live.synthesis.constant)
    before = average.synthesis.constant.clone()
    update_average(average, live, 0.75)
    assert torch.equal(average.average, live.average) and live.average.abs().sum() > 0
    assert torch.allclose(average.synthesis.constant, 0.75 * before + 0.25 * live.synthesis.constant, atol=1e-6)


def test_noise_has_no_strength_at_first_and_is_constant_in_eval_mode() -> None:
    generator = Generator(**TINY, mixing=0.0)
    z = torch.randn(2, 6)
    assert torch.equal(generator(z), generator(z))
    assert torch.allclose(generator(z), generator.eval()(z), atol=1e-6)
    generator.train()
    for stage in generator.synthesis.stages:
        torch.nn.init.ones_(stage.strength)
    assert not torch.allclose(generator(z), generator(z), atol=1e-2)
    same = generator(z[:1].expand(2, -1))
    assert not torch.allclose(same[0], same[1], atol=1e-2)
    generator.eval()
    assert torch.equal(generator(z), generator(z))
    assert torch.allclose(generator(z[:1]), generator(z)[:1], atol=1e-5)


def test_mixed_images_have_their_last_layers_from_others() -> None:
    """One cut for a batch, uniform between the layers; `mixing` of all batches have one."""
    generator = Generator(**TINY, mixing=0.5)
    z = torch.randn(3, 6)
    own, layers = generator.mapping(z, None), generator.synthesis.layers
    cuts = []
    for _ in range(400):
        same = (generator.styles(z) == own[:, None]).all(2)
        assert torch.equal(same, same[:1].expand_as(same))
        kept = int(same[0].sum())
        assert same[0, :kept].all()
        cuts.append(kept)
    counts = torch.tensor(cuts).bincount(minlength=layers + 1)
    assert counts[0] == 0
    assert counts[layers].item() == pytest.approx(200, abs=50)
    assert torch.all((counts[1:layers] - 200 / (layers - 1)).abs() < 30)
    assert torch.equal(generator.eval().styles(z), generator.styles(z))


def test_without_mixing_no_second_latents_are_drawn() -> None:
    generator = Generator(**TINY, mixing=0.0)
    state = torch.get_rng_state()
    generator.styles(torch.ones(3, 6))
    assert torch.equal(torch.get_rng_state(), state)


def test_the_label_decides_the_output_and_its_vector_learns() -> None:
    label = torch.arange(4)
    for network, x in (
        (Generator(**TINY, num_classes=4).eval(), torch.randn(1, 6)),
        (Discriminator(16, 1, head=projection(4), group_size=1, **SMALL), torch.randn(1, 1, 16, 16)),
    ):
        x = x.expand(4, *x.shape[1:])
        made = output(network, x, label).view(4, -1)
        assert torch.pdist(made).min() > 1e-6
        made.square().sum().backward()
        gradients = [weight.grad for name, weight in network.named_parameters() if name.endswith("embedding.weight")]
        assert len(gradients) == 1 and gradients[0].abs().amax(0).gt(0).all()


@pytest.mark.parametrize("label", [-1, 4])
def test_a_label_beyond_the_classes_is_refused(label: int) -> None:
    generator = Generator(**TINY, num_classes=4)
    with pytest.raises(ValueError, match=f"labels must be from 0 to 3, not {label} to {label}"):
        generator(torch.randn(1, 6), torch.tensor([label]))


def test_scores_of_classes_are_inner_products() -> None:
    """With a mapping of no layers: the normalised vectors of the classes themselves."""
    discriminator = Discriminator(16, 1, head=projection(4), **SMALL)
    images, label = torch.randn(4, 1, 16, 16), torch.tensor([2, 0, 1, 2])
    directions: list[Tensor] = []
    last = discriminator.head.last
    handle = last.register_forward_hook(lambda _, __, y: directions.append(y))
    logits = output(discriminator, images, label)
    handle.remove()
    mapped = discriminator.head.mapping(None, label)
    assert torch.allclose(logits, (directions[0] * mapped).sum(1) / math.sqrt(8), atol=1e-6)


def test_only_groups_are_judged_together() -> None:
    discriminator = Discriminator(16, 1, group_size=2, **SMALL)
    images = torch.randn(4, 1, 16, 16)
    before = output(discriminator, images)
    images[0] *= 3
    after = output(discriminator, images)
    assert not torch.isclose(before, after, atol=1e-5)[[0, 2]].any()
    assert torch.allclose(before[[1, 3]], after[[1, 3]], atol=1e-5)


@pytest.mark.parametrize("architecture", ["orig", "resnet"])
def test_a_gradient_penalty_reaches_every_weight(architecture: Any) -> None:
    discriminator = Discriminator(16, 1, architecture, **SMALL).double()
    images = torch.randn(4, 1, 16, 16, dtype=torch.float64)

    def penalty() -> Tensor:
        return R1(1.0)(lambda x: output(discriminator, x), images, images)

    penalty().backward()
    weights = {name: weight for name, weight in discriminator.named_parameters() if name.endswith("weight")}
    assert all(weight.grad is not None and weight.grad.abs().sum() > 0 for weight in weights.values())
    weight = discriminator.halvings[0].second.weight
    slope, step = weight.grad[0, 0, 1, 1].item(), 1e-6
    values = []
    for sign in (1, -1):
        with torch.no_grad():
            weight[0, 0, 1, 1] += sign * step
        values.append(penalty().item())
        with torch.no_grad():
            weight[0, 0, 1, 1] -= sign * step
    assert slope == pytest.approx((values[0] - values[1]) / (2 * step), rel=1e-4)


def test_half_precision_rounds_and_bounds_activations() -> None:
    generator = Generator(**TINY | {"channel_max": 32}).eval()
    discriminator = Discriminator(16, 1, channel_max=32)
    z = torch.randn(8, 6)
    exact = generator(z)
    logits = output(discriminator, exact)
    with torch.autocast("cpu", torch.bfloat16):
        rough = generator(z)
        rough_logits = output(discriminator, exact)
    assert rough.dtype == rough_logits.dtype == torch.float32
    assert (rough - exact).abs().mean() < 0.02 * exact.std()
    assert (rough_logits - logits).abs().mean() < 0.2 * logits.std()
    assert not torch.equal(rough, exact)
    bounded = Generator(**TINY, clamp=0.5).eval()
    bounded.load_state_dict(Generator(**TINY).state_dict())
    outputs: list[Tensor] = []
    for stage in bounded.synthesis.stages:
        stage.register_forward_hook(lambda _, __, y: outputs.append(y))
    with torch.autocast("cpu", torch.bfloat16):
        bounded(z)
    assert all(y.abs().max() == 0.5 for y in outputs)
    outputs.clear()
    bounded(z)
    assert all(y.abs().max() > 0.5 for y in outputs)


def test_pixels_before_channels_in_memory_changes_nothing() -> None:
    last = torch.channels_last
    for network, x in (
        (Generator(**TINY).double().eval(), torch.randn(3, 6, dtype=torch.float64)),
        (Discriminator(16, 1, **SMALL).double().eval(), torch.randn(4, 1, 16, 16, dtype=torch.float64)),
    ):
        expected = output(network, x)
        images = x.to(memory_format=last) if x.ndim == 4 else x
        network.to(memory_format=last)
        assert torch.allclose(output(network, images), expected, atol=1e-12)


def test_features_stay_in_that_order_in_memory() -> None:
    """Which noise, bias and demodulation must not turn around: convolutions are slower in the other."""
    generator = Generator(**TINY | {"channels": 3}).to(memory_format=torch.channels_last)
    outputs: list[Tensor] = []
    for stage in generator.synthesis.stages:
        stage.register_forward_hook(lambda _, __, y: outputs.append(y))
    outputs.append(generator(torch.randn(2, 6)))
    assert all(y.is_contiguous(memory_format=torch.channels_last) for y in outputs)
