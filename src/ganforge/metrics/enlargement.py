"""How much an enlarged image is like its true counterpart, by the protocol of papers on super-resolution.

As many pixels as the scale are cut off at each border. Y is the luma of ITU-R BT.601 from 16 to 235 that MATLAB's
`rgb2ycbcr` gives, not rounded. These are the numbers of BasicSR, and of the tables of most papers.
"""

import torch
from torch import Tensor
from torch.nn.functional import conv2d

LEVELS = 255
LUMA = (65.481 / 255, 128.553 / 255, 24.966 / 255)
BLACK = 16
WINDOW, DEVIATION = 11, 1.5
"""Pixels along the side of the Gaussian window of structural similarity, and its deviation."""


def names(side: int, scale: int) -> tuple[str, ...]:
    """What `likeness` gives for images of so many pixels: no similarity where the window does not fit in."""
    sharp = ("ssim_rgb_cropped", "ssim_y_cropped") if side - 2 * scale >= WINDOW else ()
    return ("psnr_rgb_cropped", "psnr_y_cropped", *sharp)


def likeness(images: Tensor, truth: Tensor, scale: int) -> Tensor:
    """Numbers for each of B images (B, C, H, W) uint8 beside its truth: (B, n), in the order of `names`.

    Gray images count as three equal channels. The ratio is at most what it is if one value differs by a level.
    """
    pairs = [cut(one, scale).expand(-1, 3, -1, -1).double() for one in (images, truth)]
    of_luma = [luma(one) for one in pairs]
    found = [signal_to_noise(*pairs), signal_to_noise(*of_luma)]
    if len(names(images.shape[-1], scale)) > len(found):
        found += [similarity(*pairs), similarity(*of_luma)]
    return torch.stack(found, 1).float()


def cut(images: Tensor, border: int) -> Tensor:
    return images[..., border : images.shape[-2] - border, border : images.shape[-1] - border]


def luma(images: Tensor) -> Tensor:
    """Images (B, 3, H, W) from 0 to 255 -> (B, 1, H, W) from 16 to 235."""
    weights = torch.tensor(LUMA, dtype=images.dtype, device=images.device)[:, None, None]
    return BLACK + (weights * images).sum(1, keepdim=True)


def signal_to_noise(images: Tensor, truth: Tensor) -> Tensor:
    """(B,) in dB."""
    squares = (images - truth).square().flatten(1).mean(1).clamp_min(1 / images[0].numel())
    return 10 * (LEVELS**2 / squares).log10()


def similarity(images: Tensor, truth: Tensor) -> Tensor:
    """(B,): Wang et al. 2004, equation 13, over the windows that lie inside, a mean over channels and places."""
    x, y = images.flatten(0, 1)[:, None], truth.flatten(0, 1)[:, None]
    offsets = torch.arange(WINDOW, dtype=x.dtype, device=x.device) - WINDOW // 2
    line = (-offsets.square() / (2 * DEVIATION**2)).exp()
    line = line / line.sum()

    def mean(values: Tensor) -> Tensor:
        return conv2d(conv2d(values, line.view(1, 1, -1, 1)), line.view(1, 1, 1, -1))

    mx, my = mean(x), mean(y)
    vx, vy, cov = mean(x * x) - mx * mx, mean(y * y) - my * my, mean(x * y) - mx * my
    c1, c2 = (0.01 * LEVELS) ** 2, (0.03 * LEVELS) ** 2
    ssim = (2 * mx * my + c1) * (2 * cov + c2) / ((mx * mx + my * my + c1) * (vx + vy + c2))
    return ssim.view(len(images), -1).mean(1)
