"""Small images and large ones against Pillow, and against MATLAB's numbers."""

import numpy as np
import pytest
import torch
from PIL import Image

from ganforge.data.bicubic import bicubic, weights
from ganforge.data.views import Downscaled

IMAGES = torch.randint(0, 256, (2, 3, 24, 36), dtype=torch.uint8, generator=torch.Generator().manual_seed(3))


@pytest.mark.parametrize("scale", [0.25, 0.5, 2.0, 4.0])
def test_inside_it_is_pillows(scale: float) -> None:
    """But for a level or two, as Pillow rounds between rows and columns; it also cuts off there, so this is no noise of
    full contrast."""
    images = IMAGES if scale < 1 else IMAGES // 2 + 64
    height, width, border = int(scale * 24), int(scale * 36), int(max(2, 2 * scale))
    for image, made in zip(images, bicubic(images, (height, width)), strict=True):
        pillow = Image.fromarray(image.permute(1, 2, 0).numpy()).resize((width, height), Image.Resampling.BICUBIC)
        difference = made.int() - torch.from_numpy(np.array(pillow)).permute(2, 0, 1).int()
        assert difference[:, border:-border, border:-border].abs().max() <= (1 if scale < 1 else 2)


def test_a_line_is_matlabs() -> None:
    """imresize(line, 0.5) and imresize(line, 2) as BasicSR (Apache-2.0) ports it, borders included."""
    line = torch.tensor([10.0, 200, 30, 90, 250, 0, 60, 120])
    halved = [82.109375, 101.835938, 116.367188, 79.6875]
    doubled = [
        -7.8125, 52.57812, 173.35938, 177.42188, 64.76562, 26.48438, 62.57812, 132.57812, 236.48438, 209.0625, 50.3125,
        -6.79688, 37.73438, 76.40625, 109.21875, 125.625,
    ]  # fmt: skip
    for expected in (halved, doubled):
        assert (weights(8, len(expected), line.device) @ line).tolist() == pytest.approx(expected, abs=1e-4)
    assert torch.allclose(weights(8, 8, line.device), torch.eye(8), atol=1e-6)
    for made in (2, 4, 5, 16, 24):
        assert torch.allclose(weights(8, made, line.device).sum(1), torch.ones(made))


@pytest.mark.parametrize("scale", [2, 4])
def test_view_is_as_many_times_smaller_and_keeps_what_is_smooth(scale: int) -> None:
    view = Downscaled(scale)
    assert view(IMAGES).shape == (2, 3, 24 // scale, 36 // scale)
    assert torch.equal(view(IMAGES), torch.cat([view(image[None]) for image in IMAGES]))
    flat = torch.full((1, 1, 16, 16), 77, dtype=torch.uint8)
    assert torch.equal(view(flat), flat[..., ::scale, ::scale])


@pytest.mark.parametrize(
    ("scale", "message"),
    [(1, "view.scale must be at least 2, got 1"), (5, "view.scale=5 does not divide images of 8x8")],
)
def test_what_is_no_view_is_refused(scale: int, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}$"):
        Downscaled(scale).refuse_size(8)
