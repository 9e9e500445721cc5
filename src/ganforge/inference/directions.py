"""Directions along which a generator's images change the most."""

import torch
from torch import Tensor

from ganforge.pretrained import PretrainedGenerator

SAMPLES = 10_000
"""Of w, whose variance is found."""
PLACES, STEP = 8, 0.1
"""Latents at which derivatives are taken, over differences of this size."""
COLUMNS, FARTHEST = 7, 2.0


def principal_components(styles: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Of w (N, w_dim): `count` directions (count, w_dim) of length 1, and the deviation along each (count,).

    Those of the largest variance (Härkönen et al. 2020, "GANSpace: Discovering Interpretable GAN Controls", 2.1).
    """
    centred = styles.double() - styles.double().mean(0)
    values, vectors = torch.linalg.eigh(centred.T @ centred / (len(styles) - 1))
    return leading(values, vectors, count)


def steepest(
    generator: PretrainedGenerator, latents: Tensor, labels: Tensor | None, count: int
) -> tuple[Tensor, Tensor]:
    """`count` directions (count, latent_dim) of length 1 in which images change the most, each with a deviation of 1.

    The leading eigenvectors of J^T J, averaged over the latents (N, latent_dim), where J is the derivative of an image
    (Wang and Ponce 2021, "The Geometry of Deep Generative Image Models and its Applications", section 2), here by
    central differences. Of a linear generator these are the singular vectors of its weights (Shen and Zhou 2021,
    "Closed-Form Factorization of Latent Semantics in GANs", equation 6).
    """
    steps = STEP * torch.eye(latents.shape[1])
    metric = torch.zeros(latents.shape[1], latents.shape[1], dtype=torch.float64)
    for number, z in enumerate(latents):
        label = None if labels is None else labels[number].expand(len(steps))
        ahead, behind = (generator.images_from(z + way * steps, label).flatten(1).double() for way in (1, -1))
        slopes = (ahead - behind) / (2 * STEP)
        metric += slopes @ slopes.T / len(latents)
    _, vectors = torch.linalg.eigh(metric)
    directions, _ = leading(torch.ones(len(metric)), vectors, count)
    return directions, torch.ones(len(directions))


def leading(values: Tensor, vectors: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """The last columns of `vectors` as rows, each with its largest entry positive, and the roots of their values."""
    directions = vectors.T.flip(0)[:count]
    signs = directions.gather(1, directions.abs().argmax(1, keepdim=True)).sign()
    return (directions * signs).float(), values.flip(0)[:count].clamp_min(0).sqrt().float()


def traverses(start: Tensor, directions: Tensor, deviations: Tensor) -> Tensor:
    """Points (directions, COLUMNS, dim) on lines through `start` (dim,), up to FARTHEST deviations to either side."""
    ways = torch.linspace(-FARTHEST, FARTHEST, COLUMNS)[:, None] * (directions * deviations[:, None])[:, None]
    return start + ways
