"""Sizes, borders and residual blocks of the residual generator."""

import pytest
import torch
from torch import nn
from torch.nn.functional import conv2d, pad

from ganforge.networks import resnet


@pytest.mark.parametrize("normalization", ["batch", "layer", "instance", "unscaled_instance", "none"])
@pytest.mark.parametrize(("height", "width"), [(8, 8), (28, 28), (32, 32), (12, 20)])
def test_every_size_keeps_its_size(height: int, width: int, normalization: str) -> None:
    generator = resnet.Generator(1, 3, width=2, blocks=2, normalization=normalization)
    assert (generator.multiple, generator.source_channels) == (4, 1)
    images = generator(torch.rand(2, 1, height, width) * 2 - 1, None)
    assert images.shape == (2, 3, height, width)
    assert images.abs().max() <= 1


def test_a_block_of_zero_weights_is_the_identity() -> None:
    block, x = resnet.Residual(4, "unscaled_instance"), torch.randn(2, 4, 8, 8)
    assert not torch.allclose(block(x), x, atol=0.1)
    for weight in block.parameters():
        nn.init.zeros_(weight)
    assert torch.equal(block(x), x)


def test_a_block_adds_to_its_input_without_changing_it() -> None:
    block, x = resnet.Residual(4, "none"), torch.randn(2, 4, 8, 8)
    before, output = x.clone(), block(x)
    assert torch.equal(x, before)
    assert torch.equal(output, x + block.layers(x))
    assert output.lt(0).any()


@pytest.mark.parametrize("kernel_size", [3, 7])
def test_borders_are_mirrored(kernel_size: int) -> None:
    layer, image = resnet.same_size(2, 3, kernel_size, bias=True), torch.randn(2, 2, 9, 11)
    border = 4 * [kernel_size // 2]
    expected = conv2d(pad(image, border, mode="reflect"), layer.weight, layer.bias)
    assert expected.shape == (2, 3, 9, 11)
    assert torch.allclose(layer(image), expected, atol=1e-6)


@pytest.mark.parametrize("blocks", [0, 3, 9])
def test_every_block_works_at_a_quarter_of_the_resolution(blocks: int) -> None:
    generator, shapes = resnet.Generator(1, 1, width=2, blocks=blocks), []
    for layer in generator.modules():
        if isinstance(layer, resnet.Residual):
            layer.register_forward_hook(lambda _, arguments, output: shapes.append(tuple(output.shape)))
    generator(torch.randn(3, 1, 32, 20))
    assert shapes == blocks * [(3, 8, 8, 5)]


@pytest.mark.parametrize(("normalization", "biases"), [("unscaled_instance", 10), ("batch", 1)])
def test_weights_begin_as_the_paper_has_them(normalization: str, biases: int) -> None:
    generator = resnet.Generator(1, 3, width=16, blocks=2, normalization=normalization)
    layers = [layer for layer in generator.modules() if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d)]
    assert len(layers) == 10
    for layer in layers:
        assert layer.weight.std().item() == pytest.approx(0.02, rel=0.1)
        assert layer.bias is None or not layer.bias.any()
    assert len([layer for layer in layers if layer.bias is not None]) == biases


def test_images_do_not_influence_one_another_and_labels_nothing() -> None:
    generator, sources = resnet.Generator(1, 1, width=4, blocks=2), torch.randn(3, 1, 16, 16)
    assert torch.allclose(generator(sources)[:1], generator(sources[:1]), atol=1e-6)
    assert torch.equal(generator(sources), generator(sources, torch.tensor([0, 1, 99])))


@pytest.mark.parametrize(
    ("choices", "message"), [({"blocks": -1}, "blocks=-1 should be 0 or more"), ({"width": 0}, "at least 1 channel")]
)
def test_what_makes_no_network_is_refused(choices: dict[str, int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        resnet.Generator(1, 1, **choices)


def test_four_pixels_leave_nothing_to_mirror() -> None:
    with pytest.raises(RuntimeError, match="Padding size should be less"):
        resnet.Generator(1, 1, width=2, blocks=1, normalization="none")(torch.randn(2, 1, 4, 4))
