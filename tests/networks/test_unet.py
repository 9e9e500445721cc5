"""Sizes, dropout and skips of the U-Net."""

from itertools import pairwise

import pytest
import torch
from torch import Tensor, nn

from ganforge.networks import unet


def translator(**choices: object) -> unet.Generator:
    return unet.Generator(**{"source_channels": 1, "channels": 3, "image_size": 32, "width": 4, **choices})


def dropouts(network: nn.Module) -> list[nn.Module]:
    return [layer for layer in network.modules() if isinstance(layer, nn.Dropout)]


@pytest.mark.parametrize(("source_channels", "channels"), [(1, 3), (3, 1)])
@pytest.mark.parametrize(
    ("image_size", "halvings", "multiple"),
    [
        (4, None, 4),
        (16, None, 16),
        (20, None, 4),
        (28, None, 4),
        (32, None, 32),
        (48, None, 16),
        (64, 3, 8),
        (28, 2, 4),
    ],
)
def test_every_size_keeps_its_size(
    image_size: int, halvings: int | None, multiple: int, source_channels: int, channels: int
) -> None:
    generator = unet.Generator(source_channels, channels, image_size, width=2, halvings=halvings)
    assert (generator.multiple, generator.source_channels) == (multiple, source_channels)
    for height, width in [(image_size, image_size), (2 * multiple, 3 * multiple)]:
        images = generator(torch.rand(2, source_channels, height, width) * 2 - 1, None)
        assert images.shape == (2, channels, height, width)
        assert images.abs().max() <= 1
    with pytest.raises(RuntimeError, match="Sizes of tensors must match"):
        generator(torch.zeros(2, source_channels, image_size + multiple // 2, image_size))


@pytest.mark.parametrize(
    ("image_size", "halvings"), [(1, None), (2, None), (7, None), (30, None), (33, None), (32, 1), (32, 6), (28, 3)]
)
def test_sizes_that_it_cannot_halve_are_refused(image_size: int, halvings: int | None) -> None:
    with pytest.raises(ValueError, match=f"cannot halve {image_size}x{image_size} images"):
        translator(image_size=image_size, halvings=halvings)


def test_the_published_widths_and_what_is_normalised() -> None:
    with torch.device("meta"):
        generator = unet.Generator(3, 3, 256)
    halving = [layer.out_channels for layer in generator.modules() if isinstance(layer, nn.Conv2d)]
    doubling = [layer.out_channels for layer in generator.modules() if isinstance(layer, nn.ConvTranspose2d)]
    normalised = [layer.num_features for layer in generator.modules() if isinstance(layer, nn.BatchNorm2d)]
    assert halving == [64, 128, 256, 512, 512, 512, 512, 512]
    assert doubling == [512, 512, 512, 512, 256, 128, 64, 3]
    assert normalised == halving[1:-1] + doubling[:-1]
    assert [len(dropouts(up)) for up in generator.up] == [0, 1, 1, 1, 0, 0, 0]


def test_weights_begin_as_the_paper_has_them() -> None:
    generator = translator(width=32)
    for layer in generator.modules():
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
            assert layer.weight.std().item() == pytest.approx(0.02, rel=0.1)
        if isinstance(layer, nn.BatchNorm2d):
            assert layer.weight.mean().item() == pytest.approx(1, abs=0.02)


@pytest.mark.parametrize(("normalization", "biases"), [("batch", 1), ("unscaled_instance", 10), ("none", 10)])
def test_biases_are_where_no_batch_norm_is(normalization: str, biases: int) -> None:
    layers = [
        x for x in translator(normalization=normalization).modules() if isinstance(x, nn.Conv2d | nn.ConvTranspose2d)
    ]
    assert len([layer for layer in layers if layer.bias is not None]) == biases


@pytest.mark.parametrize(
    ("image_size", "stages", "dropped"),
    [(32, 0, []), (32, 1, [1]), (64, 3, [1, 2, 3]), (32, 9, [1, 2, 3]), (28, 3, [])],
)
def test_dropout_is_in_the_stages_after_the_innermost(image_size: int, stages: int, dropped: list[int]) -> None:
    generator = translator(image_size=image_size, dropout_stages=stages, dropout=0.25)
    assert [number for number, up in enumerate(generator.up) if dropouts(up)] == dropped
    assert dropouts(generator.top) == []
    assert all(layer.p == 0.25 for layer in dropouts(generator))


@pytest.mark.parametrize(
    ("choices", "training", "evaluating"),
    [
        ({}, True, False),
        ({"dropout_at_test": True}, True, True),
        ({"dropout_stages": 0}, False, False),
        ({"dropout": 0.0}, False, False),
    ],
)
def test_where_translations_of_one_source_vary(choices: dict[str, object], training: bool, evaluating: bool) -> None:
    generator, source = translator(**choices), torch.randn(2, 1, 32, 32)
    assert torch.equal(generator(source), generator(source)) is not training
    generator.eval()
    assert torch.equal(generator(source), generator(source)) is not evaluating


def test_dropout_at_test_zeroes_its_share_and_keeps_the_mean() -> None:
    ones = unet.Noise(0.25).eval()(torch.ones(100_000))
    assert (ones == 0).float().mean().item() == pytest.approx(0.25, abs=0.01)
    assert ones.mean().item() == pytest.approx(1, abs=0.02)


@pytest.mark.parametrize(
    ("choices", "message"),
    [
        ({"dropout": 1.0}, "from 0 to below 1"),
        ({"dropout": -0.1}, "from 0 to below 1"),
        ({"dropout_stages": -1}, "0 stages or more"),
        ({"dropout_at_test": True, "dropout": 0.0}, "dropout_at_test needs dropout"),
        ({"dropout_at_test": True, "dropout_stages": 0}, "dropout_at_test needs dropout"),
        ({"dropout_at_test": True, "image_size": 28}, "0 between the innermost and the outermost"),
        ({"width": 0}, "at least 1 channel"),
    ],
)
def test_choices_that_make_no_network_are_refused(choices: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        translator(**choices)


def test_every_stage_up_sees_what_the_stage_down_at_its_resolution_saw() -> None:
    generator, seen, skipped = translator(), [], []
    for down in generator.down:
        down.register_forward_hook(lambda _, arguments, output: skipped.append(output))
    for up in [*generator.up[1:], generator.top]:
        up.register_forward_pre_hook(lambda _, arguments: seen.append(arguments[0].clone()))
    generator(torch.randn(2, 1, 32, 32))
    assert len(seen) == len(skipped) == 4
    for features, skip in zip(seen, reversed(skipped), strict=True):
        assert skip.lt(0).any()
        assert torch.equal(features[:, : skip.shape[1]], skip.relu())


def test_gradients_take_every_skip() -> None:
    generator, skipped = translator(), []

    def alone(_: nn.Module, arguments: tuple[Tensor]) -> tuple[Tensor]:
        return (arguments[0].detach(),)

    def keep(_: nn.Module, arguments: tuple[Tensor], output: Tensor) -> None:
        output.retain_grad()
        skipped.append(output)

    for down, deeper in pairwise([*generator.down, generator.bottom]):
        down.register_forward_hook(keep)
        deeper.register_forward_pre_hook(alone)
    generator(torch.randn(2, 1, 32, 32)).square().sum().backward()
    assert [skip.grad.abs().max().item() > 0 for skip in skipped] == 4 * [True]


@pytest.mark.parametrize("normalization", ["batch", "none"])
def test_what_is_done_in_place_changes_nothing(normalization: str) -> None:
    generator, results = translator(normalization=normalization, dropout_stages=0), []
    source = torch.randn(2, 1, 32, 32)
    for in_place in (True, False):
        for layer in generator.modules():
            if isinstance(layer, nn.ReLU | nn.LeakyReLU):
                assert layer.inplace
                layer.inplace = in_place
        output = generator(source)
        results.append([output, *torch.autograd.grad(output.square().sum(), list(generator.parameters()))])
    assert all(torch.equal(*pair) for pair in zip(*results, strict=True))


def test_without_batch_norm_images_do_not_influence_one_another() -> None:
    generator, sources = translator(normalization="unscaled_instance").eval(), torch.randn(3, 1, 32, 32)
    assert torch.allclose(generator(sources)[:1], generator(sources[:1]), atol=1e-6)


def test_a_label_is_ignored() -> None:
    generator, source = translator().eval(), torch.randn(2, 1, 32, 32)
    assert torch.equal(generator(source), generator(source, torch.tensor([0, 99])))
