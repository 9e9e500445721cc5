"""Pixel by pixel: against NumPy, and SciPy's filters for structural similarity."""

import math

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from ganforge.metrics.likeness import likeness

IMAGES = torch.randint(0, 256, (3, 1, 24, 24), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
TRUTH = (IMAGES.float() * 0.8 + 30).byte()


def test_difference_and_ratio_are_those_of_their_definitions() -> None:
    found = likeness(IMAGES, TRUTH)
    difference = (IMAGES.double() - TRUTH.double()).numpy() / 255
    expected = np.abs(difference).mean((1, 2, 3))
    assert found[:, 0].numpy() == pytest.approx(expected, rel=1e-5)
    assert found[:, 1].numpy() == pytest.approx(-10 * np.log10((difference**2).mean((1, 2, 3))), rel=1e-5)


def test_structural_similarity_is_that_of_wang_et_al() -> None:
    """Equation 13, with means over a Gaussian window of deviation 1.5 and 11 pixels, reflected at the border."""
    for image, truth, found in zip(
        IMAGES.double() / 255, TRUTH.double() / 255, likeness(IMAGES, TRUTH)[:, 2], strict=True
    ):
        x, y = image[0].numpy(), truth[0].numpy()

        def mean(values: np.ndarray) -> np.ndarray:
            return gaussian_filter(values, 1.5, truncate=5 / 1.5, mode="mirror")

        mx, my = mean(x), mean(y)
        vx, vy, cov = mean(x * x) - mx**2, mean(y * y) - my**2, mean(x * y) - mx * my
        c1, c2 = 0.01**2, 0.03**2
        ssim = (2 * mx * my + c1) * (2 * cov + c2) / ((mx**2 + my**2 + c1) * (vx + vy + c2))
        assert found.item() == pytest.approx(ssim.mean(), abs=1e-4)


def test_an_image_is_like_itself_up_to_one_level_of_one_value() -> None:
    l1, psnr, ssim = likeness(IMAGES, IMAGES)[0].tolist()
    assert (l1, ssim) == (0, pytest.approx(1))
    assert psnr == pytest.approx(10 * math.log10(255**2 * 24 * 24))
    other = IMAGES.clone()
    other[0, 0, 0, 0] = IMAGES[0, 0, 0, 0] ^ 1
    assert likeness(other, IMAGES)[0, 1].item() == pytest.approx(psnr, rel=1e-5)
