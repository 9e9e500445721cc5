"""Views against closed forms and other libraries."""

import numpy as np
import pytest
import torch
from PIL import Image
from scipy import ndimage
from torch import Tensor

from ganforge.data.views import BLANK, Edges, Grey, Inpainting, LowResolution, View

VIEWS = [Edges(), Grey(), LowResolution(factor=4), Inpainting(share=0.5)]


def pictures(channels: int = 3, count: int = 5, size: int = 16) -> Tensor:
    """Noise below and a slope above, with the extremes in it."""
    images = torch.randint(0, 256, (count, channels, size, size), dtype=torch.uint8)
    images[:, :, : size // 2] = torch.linspace(0, 255, size).byte()
    images[:, :, -1, :2] = torch.tensor([0, 255], dtype=torch.uint8)
    return images


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("view", VIEWS, ids=lambda view: view.name)
def test_a_view_is_a_function_of_each_image_alone(view: View, channels: int) -> None:
    if channels == 1 and view.name == "grey":
        with pytest.raises(ValueError, match="view=grey is for images in colour"):
            view.channels(1)
        return
    images = pictures(channels)
    before = images.clone()
    seen = view(images)
    assert (seen.shape, seen.dtype) == ((5, view.channels(channels), 16, 16), torch.uint8)
    assert torch.equal(seen, torch.cat([view(image[None]) for image in images]))
    assert torch.equal(view(images.to(memory_format=torch.channels_last)), seen)
    assert torch.equal(images, before)
    assert view(images[:0]).shape == (0, *seen.shape[1:])


def test_edges_are_sobels_magnitude() -> None:
    images = pictures(1)
    for image, seen in zip(images[:, 0].numpy().astype(float), Edges()(images)[:, 0].numpy(), strict=True):
        magnitude = np.hypot(ndimage.sobel(image, 0, mode="nearest"), ndimage.sobel(image, 1, mode="nearest"))
        np.testing.assert_array_equal(seen, 255 - np.clip((magnitude / 2).round(), 0, 255))


def test_a_step_is_a_black_line_and_an_even_face_is_white() -> None:
    image = torch.full((1, 3, 8, 8), 50, dtype=torch.uint8)
    image[..., 4:] = 178
    seen = Edges()(image)
    assert set(seen[..., 3:5].unique().tolist()) == {0}
    assert set(seen[..., [0, 1, 2, 5, 6, 7]].unique().tolist()) == {255}


def test_grey_is_pillows() -> None:
    """Which is ITU-R 601 to one level: red, green and blue count 0.299, 0.587 and 0.114."""
    images = pictures()
    for image, seen in zip(images, Grey()(images), strict=True):
        expected = Image.fromarray(image.permute(1, 2, 0).numpy()).convert("L")
        np.testing.assert_array_equal(seen[0].numpy(), np.array(expected))
    colours = torch.eye(3).mul(255).byte()[:, :, None, None]
    assert Grey()(colours).flatten().tolist() == [76, 150, 29]


def test_low_resolution_keeps_the_means_of_squares_and_nothing_else() -> None:
    images = pictures(size=32)
    squares = images.view(5, 3, 8, 4, 8, 4).float().mean((3, 5))
    others = squares.round().byte().repeat_interleave(4, 2).repeat_interleave(4, 3)
    view = LowResolution(factor=4)
    assert torch.equal(view(images), view(others)), "the details inside of a square are gone"
    flat = torch.full((1, 1, 8, 8), 77, dtype=torch.uint8)
    assert torch.equal(view(flat), flat)
    smooth = torch.linspace(20, 230, 32).round().byte().expand(1, 1, 32, 32)
    assert (view(smooth).int() - smooth.int())[..., 8:-8].abs().max() <= 2


@pytest.mark.parametrize(
    ("size", "share", "hole"), [(16, 0.5, range(4, 12)), (9, 0.34, range(3, 6)), (28, 0.25, range(10, 17))]
)
def test_the_centre_is_blank_and_the_rest_untouched(size: int, share: float, hole: range) -> None:
    images = pictures(size=size)
    seen = Inpainting(share)(images)
    inside = torch.zeros(size, dtype=torch.bool)
    inside[list(hole)] = True
    blank = inside[:, None] & inside
    assert (seen[..., blank] == BLANK).all()
    assert torch.equal(seen[..., ~blank], images[..., ~blank])


@pytest.mark.parametrize(
    ("make", "size", "message"),
    [
        (lambda: LowResolution(factor=1), 8, "view.factor must be at least 2, got 1"),
        (lambda: LowResolution(factor=5), 8, "view.factor=5 does not divide images of 8x8"),
        (lambda: LowResolution(factor=16), 8, "view.factor=16 does not divide images of 8x8"),
        (lambda: Inpainting(share=1.0), 8, "view.share must be between 0 and 1, got 1.0"),
        (lambda: Inpainting(share=0.01), 8, "view.share=0.01 blanks nothing, or all, of images of 8x8"),
    ],
)
def test_what_shows_nothing_is_refused(make: type[View], size: int, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}$"):
        make().refuse_size(size)


def test_the_hole_of_a_picture_that_is_no_square_has_its_shape() -> None:
    holed = Inpainting(share=0.5)(torch.zeros(1, 1, 8, 12, dtype=torch.uint8))
    expected = torch.zeros(8, 12, dtype=torch.uint8)
    expected[2:6, 3:9] = BLANK
    assert torch.equal(holed[0, 0], expected)
