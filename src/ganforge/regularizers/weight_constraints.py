"""Projections of the discriminator's weights."""

import torch
from torch import nn


class WeightClipping:
    """Clamps every weight into [-bound, bound], for a Lipschitz critic (Arjovsky et al. 2017, algorithm 1).

    The bound is that of weights as they are used: layers with `factors` multiply what they store by these.
    """

    def __init__(self, bound: float = 0.01) -> None:
        if bound <= 0:
            raise ValueError(f"the clipping bound must be positive, got {bound}")
        self.bound = bound

    @torch.no_grad()
    def __call__(self, module: nn.Module) -> None:
        for layer in module.modules():
            factors = getattr(layer, "factors", {})
            for name, parameter in layer.named_parameters(recurse=False):
                bound = self.bound / factors.get(name, 1.0)
                parameter.clamp_(-bound, bound)
