"""Logits that stay near zero (Karras et al. 2018, "Progressive Growing of GANs for Improved Quality, Stability, and
Variation", appendix A.1)."""

import torch
from torch import Tensor

from ganforge.interfaces import Turn
from ganforge.regularizers.regularizer import Regularizer


class Drift(Regularizer):
    """weight * E[D(real)^2]: a Wasserstein critic is else free to add any number to all logits."""

    def discriminator(self, turn: Turn) -> Tensor:
        logits = turn.real().logits
        return self.weight * logits.to(torch.promote_types(logits.dtype, torch.float32)).square().mean()
