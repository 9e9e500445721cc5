"""Shapes, ranges and the papers' details of every network."""

from collections.abc import Callable
from functools import partial
from types import ModuleType

import pytest
import torch
from torch import nn

from ganforge.layers.normalization import ClassBatchNorm2d
from ganforge.networks import acgan, dcgan, infogan, mlp

from ..verdicts import of_classes, output


@pytest.mark.parametrize("kernel_size", [4, 5])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(("image_size", "depth"), [(16, 2), (28, 2), (32, 3), (64, 4), (48, 3), (20, 2)])
def test_dcgan_at_every_size(image_size: int, depth: int, channels: int, kernel_size: int) -> None:
    generator = dcgan.Generator(7, image_size, channels, width=2, kernel_size=kernel_size)
    discriminator = dcgan.Discriminator(image_size, channels, width=2, kernel_size=kernel_size)
    images = generator(torch.randn(3, 7))
    assert images.shape == (3, channels, image_size, image_size)
    assert images.abs().max() <= 1
    assert discriminator(images).logits.shape == (3,)
    strided = [
        layer for layer in generator.modules() if isinstance(layer, nn.ConvTranspose2d) and layer.stride == (2, 2)
    ]
    assert len(strided) == depth


def test_dcgan_needs_a_channel() -> None:
    assert dcgan.Generator(7, 16, 1, width=1)(torch.randn(2, 7)).shape == (2, 1, 16, 16)
    with pytest.raises(ValueError, match="width=0 should be at least 1 channel"):
        dcgan.Generator(7, 16, 1, width=0)


@pytest.mark.parametrize("image_size", [1, 7, 12 + 1, 30, 33, 72 + 2])
def test_dcgan_refuses_sizes_it_cannot_make(image_size: int) -> None:
    with pytest.raises(ValueError, match=f"cannot make {image_size}x{image_size}"):
        dcgan.Generator(7, image_size, 1)


def test_dcgan_has_the_papers_widths_normalisation_and_weights() -> None:
    generator, discriminator = dcgan.Generator(100, 64, 3, width=128), dcgan.Discriminator(64, 3, width=64)
    widths = [layer.out_channels for layer in generator.modules() if isinstance(layer, nn.ConvTranspose2d)]
    assert widths == [1024, 512, 256, 128, 3]
    norms = [layer.num_features for layer in discriminator.modules() if isinstance(layer, nn.BatchNorm2d)]
    assert norms == [128, 256, 512]
    for layer in (*generator.modules(), *discriminator.modules()):
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
            assert layer.weight.std().item() == pytest.approx(0.02, rel=0.1)
        if isinstance(layer, nn.BatchNorm2d):
            assert layer.weight.mean().item() == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize("normalization", ["layer", "instance", "none"])
def test_without_batch_norm_images_do_not_influence_one_another(normalization: str) -> None:
    discriminator = dcgan.Discriminator(16, 1, width=4, normalization=normalization)
    images = torch.randn(4, 1, 16, 16)
    alone = discriminator(images[:1]).logits
    assert torch.allclose(discriminator(images).logits[:1], alone, atol=1e-6)


def test_mlp_has_the_layers_of_its_common_form() -> None:
    generator = mlp.Generator(100, 28, 1, [256, 512, 1024])
    discriminator = mlp.Discriminator(28, 1, [512, 256])
    assert [x.out_features for x in generator.modules() if isinstance(x, nn.Linear)] == [256, 512, 1024, 784]
    assert [x.out_features for x in discriminator.modules() if isinstance(x, nn.Linear)] == [512, 256, 1]
    images = generator(torch.randn(5, 100))
    assert images.shape == (5, 1, 28, 28)
    assert discriminator(images).logits.shape == (5,)


NETWORKS = {
    "mlp generator": partial(mlp.Generator, 5, 8, 1, [6, 7]),
    "mlp discriminator": partial(mlp.Discriminator, 8, 1, [7, 6]),
    "dcgan generator": partial(dcgan.Generator, 5, 16, 1, width=2),
    "dcgan discriminator": partial(dcgan.Discriminator, 16, 1, width=2, normalization="layer"),
}


def inputs(name: str, count: int) -> torch.Tensor:
    size = 8 if "mlp" in name else 16
    return torch.randn(count, 5) if "generator" in name else torch.randn(count, 1, size, size)


@pytest.mark.parametrize(
    ("name", "parameters", "next_number"),
    [
        ("mlp generator", 597, 0.9630078673),
        ("mlp discriminator", 510, 0.3561432958),
        ("dcgan generator", 493, 0.8257363439),
        ("dcgan discriminator", 239, 0.1074191332),
    ],
)
def test_without_classes_a_network_draws_and_holds_nothing_for_labels(
    name: str, parameters: int, next_number: float
) -> None:
    network = NETWORKS[name]()
    assert torch.rand(()).item() == pytest.approx(next_number)
    assert sum(weight.numel() for weight in network.parameters()) == parameters
    assert all(key.startswith(("layers.", "last.")) for key in network.state_dict())
    network.eval()
    x = inputs(name, 3)
    assert torch.equal(output(network, x), output(network, x, torch.tensor([0, 1, 99])))


@pytest.mark.parametrize("name", NETWORKS)
def test_the_label_decides_the_output_and_its_vector_learns(name: str) -> None:
    network = NETWORKS[name](**of_classes(NETWORKS[name].func, 4)).eval()
    assert [layer for layer in network.modules() if getattr(layer, "num_classes", None) == 4]
    outputs = output(network, inputs(name, 1).repeat_interleave(8, 0), torch.arange(8) % 4).view(8, -1)
    assert torch.allclose(outputs[:4], outputs[4:], atol=1e-6)
    assert torch.pdist(outputs[:4]).min() > 1e-5
    outputs[:2].sum().backward()
    (gradient,) = [weight.grad for key, weight in network.named_parameters() if "embedding" in key]
    assert gradient[:2].abs().amin(1).gt(0).all()
    assert torch.equal(gradient[2:], torch.zeros_like(gradient[2:]))


@pytest.mark.parametrize("name", [name for name in NETWORKS if "discriminator" in name])
def test_discriminators_project_onto_what_their_last_layer_sees(name: str) -> None:
    """Equation 3 of Miyato and Koyama 2018, y^T V phi(x) + psi(phi(x)), with psi the last layer."""
    discriminator, seen = NETWORKS[name](**of_classes(NETWORKS[name].func, 4)), []
    discriminator.last.register_forward_hook(lambda _, arguments, output: seen.extend([arguments[0], output]))
    logits, features, *_ = discriminator(inputs(name, 4), torch.tensor([2, 0, 1, 2]))
    phi, unconditional = seen
    assert torch.equal(features, phi)
    rows = discriminator.head.embedding.weight[[2, 0, 1, 2]]
    assert torch.allclose(logits, torch.diag(rows @ phi.flatten(1).T) + unconditional.flatten(), atol=1e-6)


def test_layer_without_units_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one unit"):
        mlp.Generator(7, 8, 1, [4, 0])


@pytest.mark.parametrize(
    "network", [lambda: dcgan.Generator(7, 16, 1, width=0), lambda: dcgan.Discriminator(16, 1, -1)]
)
def test_stage_without_channels_is_refused(network: Callable[[], nn.Module]) -> None:
    with pytest.raises(ValueError, match="at least 1 channel"):
        network()


@pytest.mark.parametrize("name", [name for name in NETWORKS if "discriminator" in name])
def test_a_plane_for_each_class_stands_beside_the_image(name: str) -> None:
    """The first layer with planes is the one without, applied to the image, plus what it makes of the one-hot label."""
    plain, given, seen = NETWORKS[name](), NETWORKS[name](label_planes=3), []
    first, wide = (next(layer for layer in network.layers if hasattr(layer, "weight")) for network in (plain, given))
    assert sum(x.numel() for x in given.parameters()) - sum(x.numel() for x in plain.parameters()) == (
        wide.weight.numel() - first.weight.numel()
    )
    wide.register_forward_hook(lambda _, arguments, output: seen.append(arguments[0]))
    images = inputs(name, 3)
    given(images, torch.tensor([2, 0, 1]))
    (shown,) = seen
    inside = images.numel() // 3 if shown.ndim == 2 else images.shape[1]
    assert torch.equal(shown[:, :inside].reshape(images.shape), images)
    planes = shown[:, inside:].reshape(3, 3, -1)
    assert torch.equal(planes.amin(2), torch.eye(3)[[2, 0, 1]])
    assert torch.equal(planes.amax(2), planes.amin(2))


def test_planes_need_a_label() -> None:
    with pytest.raises(AssertionError, match="needs a label"):
        mlp.Discriminator(8, 1, [7], label_planes=3)(torch.randn(2, 1, 8, 8))


def test_classes_can_choose_the_norms_of_dcgan() -> None:
    """For each class it is the generator without classes that has its scales and shifts."""
    plain, z = dcgan.Generator(5, 16, 1, width=2), torch.randn(6, 5)
    generator = dcgan.Generator(5, 16, 1, width=2, num_classes=3, class_norms=True)
    chosen = [layer for layer in generator.layers if isinstance(layer, ClassBatchNorm2d)]
    norms = [layer for layer in plain.layers if isinstance(layer, nn.BatchNorm2d)]
    assert [layer.embedding.weight.shape for layer in chosen] == [(3, 8), (3, 4)]
    shared = {name: weight for name, weight in plain.state_dict().items() if weight.dim() == 4 or "layers.6" in name}
    assert generator.load_state_dict(shared, strict=False).unexpected_keys == []
    for label in range(3):
        for ours, theirs in zip(chosen, norms, strict=True):
            nn.init.normal_(theirs.weight)
            nn.init.normal_(theirs.bias)
            ours.embedding.weight.data[label] = torch.cat([theirs.weight, theirs.bias]).data
        assert torch.allclose(generator(z, torch.full((6,), label)), plain(z), atol=1e-6)


def test_classes_choose_no_other_norms() -> None:
    with pytest.raises(ValueError, match="class_norms=true chooses batch norms, not normalization=layer"):
        dcgan.Generator(5, 16, 1, normalization="layer", class_norms=True, num_classes=3)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(
    ("network", "image_size"), [(acgan, 16), (acgan, 28), (acgan, 64), (infogan, 20), (infogan, 32)]
)
def test_conditional_papers_networks_at_other_sizes(network: ModuleType, image_size: int, channels: int) -> None:
    images = network.Generator(7, image_size, channels, width=2, num_classes=3)(torch.randn(2, 7), torch.tensor([0, 2]))
    assert images.shape == (2, channels, image_size, image_size)
    assert images.abs().max() <= 1
    said = network.Discriminator(image_size, channels, width=2, label_planes=3)(images, torch.tensor([0, 2]))
    assert said.logits.shape == (2,)


@pytest.mark.parametrize(("network", "image_size"), [(acgan, 30), (infogan, 30), (infogan, 2)])
def test_sizes_that_they_cannot_make_are_refused(network: ModuleType, image_size: int) -> None:
    for player in (partial(network.Generator, 7), network.Discriminator):
        with pytest.raises(ValueError, match=f"cannot make {image_size}x{image_size}"):
            player(image_size, 1)
