"""Batch statistics of what is drawn, in the place of those of training (Brock et al. 2019)."""

import copy
from collections.abc import Iterable

import torch
from torch import nn

from ganforge.compat.torch import BatchNorm
from ganforge.interfaces import Inputs

BATCHES, IMAGES = 16, 64
"""How many batches statistics are the mean of, and how many images each of them has."""


def batch_norms(network: nn.Module) -> list[BatchNorm]:
    """Those that remember statistics; ValueError where there are none."""
    norms = [layer for layer in network.modules() if isinstance(layer, BatchNorm) and layer.track_running_stats]
    if not norms:
        raise ValueError("standing statistics are those of batch norms, and this generator has none")
    return norms


@torch.no_grad()
def with_standing_statistics(network: nn.Module, batches: Iterable[Inputs]) -> nn.Module:
    """A copy of a generator whose batch norms have the mean statistics of these batches, in eval mode.

    Those of training are of other weights: of the latest turns, where an average is drawn from. And they are of latents
    without truncation. Nothing but the batch norms is in train mode meanwhile, so spectral norms stay as they are.
    """
    standing = copy.deepcopy(network).eval()
    weight = next(standing.parameters())
    for norm in batch_norms(standing):
        norm.reset_running_stats()
        norm.momentum = None  # a mean of all batches with equal weights
        norm.train()
    for z, label in batches:
        standing(z.to(weight), None if label is None else label.to(weight.device))
    return standing.eval()
