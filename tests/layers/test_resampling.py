"""Resampling against SciPy's filters, which know nothing of padding, strides or transposed convolutions."""

import numpy as np
import pytest
import torch
from scipy.signal import convolve2d, correlate2d, upfirdn

from ganforge.layers.resampling import Downsample, Lowpass, Upsample, UpsampledConvolution

TAPS = np.array([1.0, 3.0, 3.0, 1.0]) / 8


def filtered(image: np.ndarray, up: int = 1, down: int = 1, skipped: int = 0) -> np.ndarray:
    """Rows and columns through the filter, of all that it makes every `down`-th from place `skipped`."""
    for axis in (0, 1):
        full = upfirdn(TAPS * up, image, up, 1, axis)
        image = np.take(full, range(skipped, full.shape[axis], down), axis)
    return image


@pytest.fixture
def images() -> torch.Tensor:
    return torch.randn(2, 3, 6, 10, dtype=torch.float64)


def each(images: torch.Tensor) -> list[np.ndarray]:
    return list(images.flatten(0, 1).numpy())


@pytest.mark.parametrize(("padding", "gain"), [(1, 1.0), (2, 1.0), (3, 2.5)])
def test_the_filter_is_that_of_scipy(images: torch.Tensor, padding: int, gain: float) -> None:
    ours = Lowpass(padding, gain=gain).double()(images)
    assert ours.shape[2:] == (6 + 2 * padding - 3, 10 + 2 * padding - 3)
    for image, found in zip(each(images), each(ours), strict=True):
        padded = np.pad(image, padding)
        assert np.allclose(found, gain * convolve2d(padded, np.outer(TAPS, TAPS), "valid"), atol=1e-12)


def test_upsampling_is_that_of_scipy(images: torch.Tensor) -> None:
    """A pixel's four values lie around twice its place, the first two before them."""
    ours = Upsample().double()(images)
    assert ours.shape == (2, 3, 12, 20)
    for image, found in zip(each(images), each(ours), strict=True):
        assert np.allclose(found, filtered(image, up=2, skipped=1)[:12, :20], atol=1e-12)


def test_downsampling_is_that_of_scipy(images: torch.Tensor) -> None:
    ours = Downsample().double()(images)
    assert ours.shape == (2, 3, 3, 5)
    for image, found in zip(each(images), each(ours), strict=True):
        assert np.allclose(found, filtered(image, down=2, skipped=2)[:3, :5], atol=1e-12)


def test_inside_upsampling_is_bilinear_and_keeps_what_is_constant(images: torch.Tensor) -> None:
    bilinear = torch.nn.functional.interpolate(images, scale_factor=2, mode="bilinear")
    ours = Upsample().double()(images)
    assert torch.allclose(ours[..., 1:-1, 1:-1], bilinear[..., 1:-1, 1:-1], atol=1e-12)
    assert torch.allclose(Downsample()(torch.ones(1, 1, 8, 8))[..., 1:-1, 1:-1], torch.ones(1, 1, 2, 2))


def test_the_convolution_comes_first_and_nothing_changes(images: torch.Tensor) -> None:
    """Zeros between the pixels and the filter, whose whole output is then convolved."""
    weight = torch.randn(4, 3, 3, 3, dtype=torch.float64)
    ours = UpsampledConvolution().double()(images, weight)
    assert ours.shape == (2, 4, 12, 20)
    for number in range(2):
        wide = [filtered(image, up=2) for image in images[number].numpy()]
        for output, kernels in enumerate(weight.flip(2, 3).numpy()):
            whole = sum(correlate2d(image, kernel, "full") for image, kernel in zip(wide, kernels, strict=True))
            assert np.allclose(ours[number, output].numpy(), whole[2:14, 2:22], atol=1e-12)


@pytest.mark.parametrize("layer", [Lowpass(2), Upsample(), Downsample()], ids=["lowpass", "up", "down"])
def test_resampling_has_two_derivatives(layer: Lowpass) -> None:
    layer = layer.double()
    images = torch.randn(1, 2, 4, 4, dtype=torch.float64, requires_grad=True)
    torch.autograd.gradcheck(layer, images)
    torch.autograd.gradgradcheck(lambda x: layer(x).square(), images)
    assert torch.allclose(layer(images.to(memory_format=torch.channels_last)), layer(images), atol=1e-12)
