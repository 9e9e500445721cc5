"""What a network makes, found without memory; None where it is another kind of network than asked for."""

from typing import Any

import torch
from torch import Tensor, nn

from ganforge.detection.detectors import Anomalies
from ganforge.interfaces import Verdict

SIZE_LIMIT = 2048
"""Pixels along the side of the images that a network was trained on: what a file claims, nobody has allocated yet."""


def size_of(claimed: Any) -> int:
    if type(claimed) is not int or not 1 <= claimed <= SIZE_LIMIT:
        raise ValueError(f"image_size={claimed!r:.40} should be a whole number from 1 to {SIZE_LIMIT:,}")
    return claimed


@torch.no_grad()
def drawn_shape(network: nn.Module, latent_dim: int) -> tuple[int, ...] | None:
    """(C, H, W) of what a generator draws; None for another kind of network."""
    device = next(network.parameters()).device
    label = None if getattr(network, "num_classes", None) is None else torch.zeros(1, dtype=torch.long, device=device)
    return shape_of(network(torch.zeros(1, latent_dim, device=device), label))


def shape_of(images: Any) -> tuple[int, ...] | None:
    return tuple(images.shape[1:]) if isinstance(images, Tensor) and images.ndim == 4 else None


@torch.no_grad()
def translated_shape(network: nn.Module, size: int) -> tuple[int, ...] | None:
    """(C, S, S) of what a generator makes of sources (C', S / scale, S / scale); None for another kind of network."""
    channels, multiple = (getattr(network, name, None) for name in ("source_channels", "multiple"))
    if not isinstance(channels, int) or not isinstance(multiple, int):
        return None
    scale = getattr(network, "scale", 1)
    if size % (multiple * scale):
        raise ValueError(f"image_size={size} is no multiple of {multiple * scale}, which the network needs")
    starts = [torch.zeros(1, channels, size // scale, size // scale, device="meta")]
    if getattr(network, "num_classes", None) is not None:
        starts.append(torch.zeros(1, dtype=torch.long, device="meta"))
    shape = shape_of(network(*starts))
    return shape if shape is not None and shape[1:] == (size, size) else None


@torch.no_grad()
def moments(network: nn.Module, shape: tuple[int, ...]) -> tuple[tuple[int, ...], ...] | None:
    """The shapes of mean and log variance, each (D,), of images; None for another kind of network."""
    made = network(torch.zeros(1, *shape, device="meta"))
    if not isinstance(made, tuple) or len(made) != 2 or not made[0].ndim == made[1].ndim == 2:
        return None
    return tuple(tuple(moment.shape[1:]) for moment in made)


@torch.no_grad()
def answered_classes(network: nn.Module, shape: tuple[int, ...]) -> tuple[int] | None:
    """The number of classes that images are one of; None for another kind of network."""
    classes = getattr(network(torch.zeros(1, *shape, device="meta")), "classes", None)
    return (classes.shape[1],) if isinstance(classes, Tensor) and classes.ndim == 2 else None


@torch.no_grad()
def compared_shape(network: nn.Module, shape: tuple[int, ...]) -> tuple[int, ...] | None:
    """The shape of what a detector compares images with; None for another kind of network."""
    found = network(torch.zeros(1, *shape, device="meta"))
    fits = isinstance(found, Anomalies) and found.scores.shape == (1,) and found.reconstructions.shape == (1, *shape)
    return shape if fits else None


@torch.no_grad()
def features_shape(network: nn.Module, shape: tuple[int, ...]) -> tuple[int, ...] | None:
    """The shape of a discriminator's features of an image; None for another kind of network."""
    verdict = network(torch.zeros(1, *shape, device="meta"))
    return tuple(verdict.features.shape) if isinstance(verdict, Verdict) else None
