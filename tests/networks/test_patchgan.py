"""What one logit sees, how many there are, and which sizes leave none."""

import pytest
import torch
from torch import nn

from ganforge.networks import patchgan

FIELDS = [1, 16, 34, 70, 142]


@pytest.mark.parametrize("receptive_field", FIELDS)
def test_one_logit_sees_one_patch(receptive_field: int) -> None:
    """An untrained network without normalisation, so that nothing else joins pixels; gradients say what it saw."""
    size = 2 * receptive_field + 32
    discriminator = patchgan.Discriminator(
        size, 1, width=1, receptive_field=receptive_field, normalization="none"
    ).double()
    image = torch.randn(1, 1, size, size, dtype=torch.float64, requires_grad=True)
    logits = discriminator(image).logits
    middle = logits.shape[-1] // 2
    logits[0, 0, middle, middle].backward()
    rows, columns = image.grad[0, 0].abs().gt(0).nonzero().T
    for places in (rows, columns):
        assert places.max() - places.min() + 1 == receptive_field
        assert places.min() > 0 and places.max() < size - 1


@pytest.mark.parametrize(
    ("image_size", "receptive_field", "patches"),
    [
        (32, 1, 32),
        (32, 16, 14),
        (32, 34, 6),
        (32, 70, 2),
        (28, 16, 12),
        (28, 34, 5),
        (256, 70, 30),
        (256, 142, 14),
        (33, 34, 6),
    ],
)
def test_patches_of_an_image(image_size: int, receptive_field: int, patches: int) -> None:
    discriminator = patchgan.Discriminator(image_size, 1, width=1, receptive_field=receptive_field)
    assert discriminator(torch.randn(2, 1, image_size, image_size)).logits.shape == (2, 1, patches, patches)


@pytest.mark.parametrize("normalization", ["batch", "instance", "unscaled_instance"])
@pytest.mark.parametrize(("receptive_field", "smallest"), [(1, 2), (16, 6), (34, 12), (70, 24), (142, 48)])
def test_the_smallest_image_has_a_patch_and_smaller_ones_are_refused(
    receptive_field: int, smallest: int, normalization: str
) -> None:
    choices = {"width": 1, "receptive_field": receptive_field, "normalization": normalization}
    logits = patchgan.Discriminator(smallest, 1, **choices)(torch.randn(2, 1, smallest, smallest)).logits
    assert logits.shape[-1] == (2 if receptive_field == 1 else 1)
    with pytest.raises(ValueError, match=f"needs images of {smallest} pixels or more, not {smallest - 1}: "):
        patchgan.Discriminator(smallest - 1, 1, **choices)


@pytest.mark.parametrize(
    ("image_size", "advice"), [(1, "none is small enough"), (5, "choose 1$"), (23, "choose 1 or 16 or 34$")]
)
def test_a_refusal_says_what_would_do(image_size: int, advice: str) -> None:
    with pytest.raises(ValueError, match=advice):
        patchgan.Discriminator(image_size, 1, receptive_field=70)


def test_widths_double_to_eight_times_the_first_and_the_first_is_not_normalised() -> None:
    with torch.device("meta"):
        discriminator = patchgan.Discriminator(256, 3, 3, receptive_field=142)
    layers = [layer for layer in discriminator.modules() if isinstance(layer, nn.Conv2d)]
    assert [layer.in_channels for layer in layers] == [6, 64, 128, 256, 512, 512]
    assert [layer.stride[0] for layer in layers] == [2, 2, 2, 2, 1, 1]
    assert [x.num_features for x in discriminator.modules() if isinstance(x, nn.BatchNorm2d)] == [128, 256, 512, 512]


@pytest.mark.parametrize("receptive_field", FIELDS)
def test_weights_begin_as_the_paper_has_them(receptive_field: int) -> None:
    for layer in patchgan.Discriminator(64, 1, receptive_field=receptive_field).modules():
        if isinstance(layer, nn.Conv2d):
            assert layer.weight.std().item() == pytest.approx(0.02, rel=0.2)
            assert layer.bias is None or not layer.bias.any()


def test_the_source_stands_beside_the_image() -> None:
    discriminator = patchgan.Discriminator(32, 1, source_channels=3, width=4, receptive_field=16)
    pairs = torch.randn(2, 4, 32, 32, requires_grad=True)
    discriminator(pairs).logits.square().sum().backward()
    assert pairs.grad.abs().amax((0, 2, 3)).gt(0).all()


def test_without_batch_norm_images_do_not_influence_one_another() -> None:
    discriminator = patchgan.Discriminator(32, 1, width=4, receptive_field=34, normalization="unscaled_instance")
    images = torch.randn(3, 1, 32, 32)
    assert torch.allclose(discriminator(images).logits[:1], discriminator(images[:1]).logits, atol=1e-6)
    assert torch.equal(discriminator(images).logits, discriminator(images, torch.tensor([0, 1, 99])).logits)


def test_stage_without_channels_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 1 channel"):
        patchgan.Discriminator(32, 1, width=0)
