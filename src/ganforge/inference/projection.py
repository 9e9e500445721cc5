"""The latent behind an image: a generator inverted by gradient descent."""

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from ganforge.pretrained import PretrainedGenerator

STARTS, STEPS, LEARNING_RATE = 8, 1_000, 0.2


@dataclass
class Projection:
    """`z` (1, latent_dim) and its label (1,), the image (1, C, H, W) in [-1, 1] that they give, and how near it is."""

    z: Tensor
    label: Tensor | None
    image: Tensor
    psnr: float


def project(
    generator: PretrainedGenerator,
    target: Tensor,
    starts: Tensor,
    labels: Tensor | None = None,
    steps: Iterable[int] = range(STEPS),
) -> Projection:
    """The latent whose image comes nearest to `target` (C, H, W) in [-1, 1], by Adam from each of `starts` (S, dim).

    Squared error of the pixels, Adam and restarts are those of Bora et al. 2017 (arXiv:1703.03208, section 6), without
    their prior on |z|, which would keep a generator's own image from being found exactly. Uniform latents stay in
    [-1, 1] (Lipton and Tripathi 2017, arXiv:1702.04782). `labels` (S,) and the codes in `starts` stay what they are.
    `steps` may show progress.
    """
    z, noise = starts.clone().requires_grad_(), generator.latent.noise_dim
    optimizer = torch.optim.Adam([z], lr=LEARNING_RATE)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, STEPS)
    for _ in steps:
        optimizer.zero_grad()
        squared_error(generator(z, labels), target).sum().backward()
        optimizer.step()
        schedule.step()
        if generator.latent.distribution == "uniform":
            z.data.clamp_(-1, 1)
        z.data[:, noise:] = starts[:, noise:]
    images = generator.images_from(z.detach(), labels)
    best = [int(squared_error(images, target).argmin())]
    label = None if labels is None else labels[best]
    return Projection(z.detach()[best], label, images[best], psnr(images[best], target))


def squared_error(images: Tensor, target: Tensor) -> Tensor:
    """The mean over the pixels of each image, (B,)."""
    return (images - target).square().mean((1, 2, 3))


def psnr(images: Tensor, target: Tensor) -> float:
    """Peak signal-to-noise ratio in dB of images in [-1, 1]; infinite for equal ones."""
    return float(10 * torch.log10(4 / (images - target).square().mean()))
