"""How much a translated image is like its true counterpart, pixel by pixel."""

import torch
from torch import Tensor
from torchmetrics.functional.image import structural_similarity_index_measure

NAMES = ("l1", "psnr", "ssim")
LEVELS = 255


def likeness(images: Tensor, truth: Tensor) -> Tensor:
    """Three numbers for each of B images (B, C, H, W) uint8 beside its truth: (B, 3), in the order of NAMES.

    Mean absolute difference of pixels in [0, 1]; peak signal-to-noise ratio in dB, at most what it is if a single
    value differs by one level; structural similarity (Wang et al. 2004) with a Gaussian window of deviation 1.5, images
    being reflected at the border.
    """
    ours, true = images.float() / LEVELS, truth.float() / LEVELS
    least = 1 / (LEVELS**2 * ours[0].numel())
    l1 = (ours - true).abs().flatten(1).mean(1)
    psnr = -10 * (ours - true).square().flatten(1).mean(1).clamp_min(least).log10()
    ssim = structural_similarity_index_measure(ours, true, data_range=1.0, reduction="none")
    assert isinstance(ssim, Tensor)
    return torch.stack([l1, psnr, ssim.view(-1)], 1)
