"""Each transform by hand, or against another way to compute it."""

import colorsys
import math

import numpy as np
import pytest
import torch
from scipy import ndimage
from torch import Tensor
from torch.nn import functional as F

from ganforge.augment.blitting import mirror, shift, shifted, turned
from ganforge.augment.colour import contrasts, flips, hues, recolour, recoloured, saturations
from ganforge.augment.corruption import EXPECTED_POWER, bands, cut_out, filter_bank, filtered, noise
from ganforge.augment.geometry import SYM6, resampling, rotation, scaling, translation, warp, warped

ONE = torch.tensor(1.0)


def smooth(size: int, channels: int = 1, count: int = 1) -> Tensor:
    """Images (count, channels, size, size) without high frequencies."""
    coarse = torch.randn(count, channels, 4, 4, dtype=torch.float64)
    return F.interpolate(coarse, (size, size), mode="bicubic")


def inner(images: Tensor, margin: int = 4) -> Tensor:
    return images[..., margin:-margin, margin:-margin]


def test_every_chosen_image_is_mirrored_or_stays() -> None:
    images = torch.randn(200, 1, 8, 8)
    found = mirror(images, ONE)
    flipped = (found == images.flip(3)).flatten(1).all(1)
    assert ((found == images).flatten(1).all(1) ^ flipped).all()
    assert 70 < flipped.sum() < 130


def test_quarters_are_those_of_torch() -> None:
    images = torch.randn(8, 3, 9, 9)
    quarters = torch.arange(8) % 4
    expected = torch.stack([torch.rot90(image, int(k), (1, 2)) for image, k in zip(images, quarters, strict=True)])
    assert torch.equal(turned(images, quarters), expected)


def test_shifts_are_those_of_a_reflected_image() -> None:
    images, pixels = torch.randn(3, 3, 16, 16), torch.tensor([[2, -1], [0, 2], [-2, 0]])
    wide = F.pad(images, [2] * 4, mode="reflect")
    expected = torch.stack(
        [image[:, 2 - y : 18 - y, 2 - x : 18 - x] for image, (y, x) in zip(wide, pixels.tolist(), strict=True)]
    )
    assert torch.equal(shifted(images, pixels), expected)
    ramp = torch.arange(32.0).view(1, 1, 32, 1).expand(500, 1, 32, 32)
    rows = ramp[:, 0, 16, 0] - shift(ramp, ONE)[:, 0, 16, 0]
    assert rows.unique().tolist() == list(range(-4, 5))


def test_the_lowpass_filter_is_orthogonal() -> None:
    taps = np.array(SYM6)
    products = [float(taps[2 * k :] @ taps[: len(taps) - 2 * k]) for k in range(6)]
    assert products == pytest.approx([1, 0, 0, 0, 0, 0], abs=1e-11)
    assert taps.sum() == pytest.approx(math.sqrt(2))
    up, down = resampling(16, torch.float64, torch.device("cpu"))
    assert torch.allclose(down @ up, torch.eye(16, dtype=torch.float64), atol=1e-10)


def test_a_quarter_by_the_general_way_is_a_quarter() -> None:
    images = smooth(32)
    turn = rotation(torch.tensor([-math.pi / 2], dtype=torch.float64))
    assert torch.allclose(inner(warped(images, turn)), inner(torch.rot90(images, -1, (2, 3))), atol=0.01)


def test_a_whole_pixel_by_the_general_way_is_a_shift() -> None:
    images = torch.randn(1, 3, 24, 24, dtype=torch.float64)
    x, y = (torch.tensor([float(pixels)], dtype=torch.float64) for pixels in (3, -2))
    found = warped(images, translation(-x, -y))
    assert torch.allclose(inner(found, 9), inner(shifted(images, torch.tensor([[-2, 3]])), 9), atol=1e-9)


@pytest.mark.parametrize(("angle", "factor", "moved"), [(0.5, 1.0, 0.0), (0.0, 1.25, 0.0), (-1.1, 0.9, 1.6)])
def test_the_general_way_is_that_of_splines(angle: float, factor: float, moved: float) -> None:
    """SciPy interpolates with cubic splines, in (row, column)."""
    images = smooth(32)
    numbers = [torch.tensor([value], dtype=torch.float64) for value in (angle, factor, moved)]
    matrix = scaling(1 / numbers[1], numbers[1]) @ rotation(-numbers[0]) @ translation(-numbers[2], numbers[2])
    inverse = matrix[0].numpy()[[1, 0, 2]][:, [1, 0, 2]]
    middle = (32 - 1) / 2
    centred = inverse[:2, 2] + middle - inverse[:2, :2] @ [middle, middle]
    expected = ndimage.affine_transform(images[0, 0].numpy(), inverse[:2, :2], centred, order=3, mode="mirror")
    error = (warped(images, matrix)[0, 0] - torch.from_numpy(expected)).abs()
    assert inner(error).max() < 0.02 and error.mean() < 0.01


def test_a_constant_image_stays_whatever_moves() -> None:
    images = torch.full((64, 1, 16, 16), 0.7)
    assert torch.allclose(warp(images, ONE), images, atol=1e-5)


def test_colours_by_hand() -> None:
    pixel = torch.tensor([[0.2, -0.4, 0.8]])
    luma = pixel.mean()
    one = torch.ones(1)
    by_hand = {
        "contrast": (contrasts(2 * one), 2 * pixel),
        "luma flip": (flips(one), pixel - 2 * luma),
        "no flip": (flips(0 * one), pixel),
        "gray": (saturations(0 * one), luma.expand(1, 3)),
        "vivid": (saturations(3 * one), luma + 3 * (pixel - luma)),
        "a third of the hues": (hues(2 * math.pi / 3 * one), pixel.roll(1)),
        "all hues": (hues(2 * math.pi * one), pixel),
    }
    for name, (matrix, expected) in by_hand.items():
        assert torch.allclose(matrix @ pixel[:, :, None], expected[:, :, None], atol=1e-6), name
        found = recoloured(pixel.view(1, 3, 1, 1), matrix, torch.full((1, 3, 1), 0.5))
        assert torch.allclose(found.flatten(), expected.flatten() + 0.5, atol=1e-6), name


def test_a_hue_turns_red_as_the_colour_circle_does() -> None:
    """Red by 60 degrees, up to its saturation, is yellow."""
    turned_red = hues(torch.tensor([math.pi / 3]))[0] @ torch.tensor([1.0, 0.0, 0.0])
    shade = (turned_red - turned_red.min()) / (turned_red.max() - turned_red.min())
    assert colorsys.rgb_to_hsv(*shade.tolist())[0] == pytest.approx(1 / 6, abs=1e-6)


def test_gray_images_are_changed_as_a_gray_of_three_channels() -> None:
    gray = torch.randn(5, 1, 8, 8)
    factor = torch.linspace(0.5, 2, 5)
    matrix, offset = flips(torch.tensor([0.0, 1, 0, 1, 1])) @ contrasts(factor), torch.randn(5, 1, 1).expand(5, 3, 1)
    three = recoloured(gray.expand(-1, 3, -1, -1), matrix, offset)
    assert torch.allclose(recoloured(gray, matrix, offset), three[:, :1], atol=1e-6)
    found = recolour(torch.ones(500, 1, 8, 8), ONE)
    assert torch.equal(found.flatten(1).min(1).values, found.flatten(1).max(1).values)


def test_brightness_and_contrast_have_the_published_spread() -> None:
    """(1 + N(0, 0.2)) * 2^N(0, 0.5), or its negative for half of the images."""
    found = recolour(torch.ones(20_000, 1, 8, 8), ONE)[:, 0, 0, 0]
    assert (found < 0).float().mean().item() == pytest.approx(0.5, abs=0.02)
    power = (1 + 0.2**2) * math.exp(2 * (0.5 * math.log(2)) ** 2)
    assert found.square().mean().item() == pytest.approx(power, rel=0.05)


def test_bands_add_up_and_are_where_they_should_be() -> None:
    bank = filter_bank()
    assert [len(taps) for taps in bank] == [43, 43, 19, 7]
    total = torch.einsum("kij->ij", bands(16, torch.float64, torch.device("cpu")))
    assert torch.allclose(total, torch.eye(16, dtype=torch.float64), atol=1e-12)
    frequencies = np.linspace(0, 1, 400)
    for taps, (low, high) in zip(bank, [(0, 1 / 8), (1 / 8, 1 / 4), (1 / 4, 1 / 2), (1 / 2, 1)], strict=True):
        offsets = np.arange(len(taps)) - len(taps) // 2
        response = (taps * np.cos(np.pi * frequencies[:, None] * offsets)).sum(1)
        assert low <= frequencies[response.argmax()] <= high
        assert response[0] == pytest.approx(1 if low == 0 else 0, abs=1e-12)


def test_filters_are_those_of_a_reflected_image() -> None:
    images, gains = smooth(48), torch.tensor([[0.5, 2.0, 1.5, 3.0]], dtype=torch.float64)
    row = sum(
        gain * np.pad(taps, (43 - len(taps)) // 2) for gain, taps in zip(gains[0].tolist(), filter_bank(), strict=True)
    )
    expected = ndimage.convolve1d(
        ndimage.convolve1d(images[0, 0].numpy(), row, 0, mode="mirror"), row, 1, mode="mirror"
    )
    assert np.allclose(filtered(images, gains)[0, 0].numpy(), expected, atol=1e-12)
    assert sum(EXPECTED_POWER) == pytest.approx(1)


def test_noise_has_the_published_spread() -> None:
    found = noise(torch.zeros(5000, 1, 8, 8), ONE)
    deviations = found.flatten(1).std(1)
    assert deviations.mean().item() == pytest.approx(0.1 * math.sqrt(2 / math.pi), rel=0.05)


def test_the_square_that_is_cut_out() -> None:
    """Of 8 x 8, around (0.5, 0.5) the middle 4 x 4, around (0, 1) a corner of 2 x 2."""
    images = torch.ones(3, 1, 8, 8)
    centres = torch.tensor([[0.5, 0.5], [0.0, 1.0], [0.5, 0.5]])
    found = cut_out(images, centres, torch.tensor([True, True, False]))
    assert (found[0, 0, 2:6, 2:6] == 0).all() and found[0].sum() == 48
    assert (found[1, 0, :2, 6:] == 0).all() and found[1].sum() == 60
    assert found[2].sum() == 64
