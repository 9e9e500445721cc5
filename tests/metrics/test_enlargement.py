"""The protocol of super-resolution against the numbers of BasicSR, and luma against its definition."""

import pytest
import torch
from torch import Tensor

from ganforge.metrics.enlargement import likeness, luma, names

from ..networks.test_published import sines

SHAPE = (2, 3, 24, 28)
TRUTH = ((sines(SHAPE) + 1) * 127.5).round().byte()
IMAGES = (TRUTH.float() * 0.8 + (sines(SHAPE, 7) + 1) * 20).round().byte()


@pytest.mark.parametrize(
    ("scale", "expected"),
    [
        (2, [[20.452347, 25.210569, 0.958002, 0.960972], [20.719802, 25.108684, 0.960435, 0.959141]]),
        (4, [[20.48747, 25.200946, 0.958555, 0.962811], [20.659916, 25.218088, 0.961569, 0.962575]]),
    ],
)
def test_numbers_are_those_of_basicsr(scale: int, expected: list[list[float]]) -> None:
    """calculate_psnr and calculate_ssim of github.com/XPixelGroup/BasicSR (Apache-2.0), also with test_y_channel."""
    found = likeness(IMAGES, TRUTH, scale)
    assert names(24, scale) == ("psnr_rgb_cropped", "psnr_y_cropped", "ssim_rgb_cropped", "ssim_y_cropped")
    torch.testing.assert_close(found, torch.tensor(expected), rtol=0, atol=1e-5)


def pixel(*values: int) -> Tensor:
    return torch.tensor(values, dtype=torch.float64).view(1, 3, 1, 1)


@pytest.mark.parametrize(
    ("colour", "expected"),
    [
        ((0, 0, 0), 16), ((255, 255, 255), 235), ((255, 0, 0), 81.481), ((0, 255, 0), 144.553), ((0, 0, 255), 40.966),
    ],
)  # fmt: skip
def test_luma_is_that_of_studios(colour: tuple[int, ...], expected: float) -> None:
    assert luma(pixel(*colour)).item() == pytest.approx(expected)


def test_borders_have_no_say_and_gray_is_three_equal_channels() -> None:
    spoiled = IMAGES.clone()
    spoiled[..., :2, :] = spoiled[..., -2:] = 0
    assert torch.equal(likeness(spoiled, TRUTH, 2), likeness(IMAGES, TRUTH, 2))
    assert not torch.equal(likeness(spoiled, TRUTH, 1), likeness(IMAGES, TRUTH, 1))
    gray, true = IMAGES[:, :1], TRUTH[:, :1]
    expected = likeness(gray.expand(-1, 3, -1, -1), true.expand(-1, 3, -1, -1), 2)
    assert torch.equal(likeness(gray, true, 2), expected)
    ratio = 20 * torch.tensor(255 / 219).log10()
    assert (expected[:, 1] - expected[:, 0]).tolist() == pytest.approx([ratio.item()] * 2, abs=1e-4)


def test_images_that_are_smaller_than_the_window_have_no_similarity() -> None:
    assert names(16, 4) == ("psnr_rgb_cropped", "psnr_y_cropped")
    assert likeness(IMAGES[..., :16, :16], TRUTH[..., :16, :16], 4).shape == (2, 2)
    assert likeness(TRUTH, TRUTH, 2)[0, 0] == pytest.approx(
        20 * torch.tensor(255.0).log10() + 10 * torch.tensor(3 * 20 * 24.0).log10()
    )
