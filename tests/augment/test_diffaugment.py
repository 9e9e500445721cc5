"""The parts of DiffAugment by what they must do to an image, whatever was drawn."""

import pytest
import torch
from torch import Tensor

from ganforge.augment.diffaugment import POLICIES, DiffAugment, color, cutout, translation


@pytest.mark.parametrize("channels", [1, 3])
def test_colour_is_linear_within_an_image(channels: int) -> None:
    """Brightness moves the mean by less than 0.5; contrast and saturation stretch what is around it."""
    images = torch.randn(500, channels, 8, 8)
    found = color(images)
    moved = (found - images).mean((1, 2, 3))
    assert moved.abs().max() <= 0.5 and moved.std().item() == pytest.approx(1 / 12**0.5, rel=0.1)
    luma, before = found.mean(1), images.mean(1)
    contrast = luma.flatten(1).std(1) / before.flatten(1).std(1)
    assert contrast.min() >= 0.5 - 1e-5 and contrast.max() <= 1.5 + 1e-5
    if channels > 1:
        vividness = (found - luma[:, None]).flatten(1).norm(dim=1) / (images - before[:, None]).flatten(1).norm(dim=1)
        assert (vividness / contrast).max() <= 2 + 1e-4


def test_translation_moves_by_up_to_an_eighth_and_zeros_come_in() -> None:
    size, reach = 16, 2
    image = torch.arange(1.0, 257).view(1, 1, size, size)
    seen = set()
    for found in translation(image.expand(400, -1, -1, -1)):
        y, x = next(
            (y, x)
            for y in range(-reach, reach + 1)
            for x in range(-reach, reach + 1)
            if torch.equal(found, moved(image, y, x)[0])
        )
        seen.add((y, x))
    assert len(seen) == 25


def moved(image: Tensor, y: int, x: int) -> Tensor:
    found = torch.zeros_like(image)
    size = image.shape[-1]
    to, source = ([slice(max(s * d, 0), size + min(s * d, 0)) for d in (y, x)] for s in (1, -1))
    found[..., to[0], to[1]] = image[..., source[0], source[1]]
    return found


@pytest.mark.parametrize("size", [8, 9, 28])
def test_cutout_is_a_square_that_may_reach_beyond_the_border(size: int) -> None:
    side, areas = int(size / 2 + 0.5), set()
    for image in cutout(torch.ones(2000, 1, size, size)):
        rows, columns = ((image[0] == 0).any(axis).nonzero() for axis in (1, 0))
        height, width = len(rows), len(columns)
        assert (image == 0).sum() == height * width and 0 <= height <= side and 0 <= width <= side
        areas.add(height * width)
    assert max(areas) == side**2 and len(areas) > 4


def test_every_part_of_the_policy_acts_in_its_order() -> None:
    images = torch.randn(4, 3, 16, 16)
    torch.manual_seed(1)
    found = DiffAugment(["cutout", "color"])(images)
    torch.manual_seed(1)
    assert torch.equal(found, color(cutout(images)))
    assert DiffAugment([])(images) is images
    assert DiffAugment(["color"]).adapt(torch.ones(3)) == {}


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("name", POLICIES)
def test_derivatives_of_both_orders(name: str, channels: int) -> None:
    def seen(images: Tensor) -> Tensor:
        torch.manual_seed(3)
        return POLICIES[name](images).square()

    images = torch.randn(1, channels, 8, 8, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(seen, images, fast_mode=True)
    assert torch.autograd.gradgradcheck(seen, images, fast_mode=True)
