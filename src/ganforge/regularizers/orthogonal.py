"""Weights that stay nearly orthogonal (Brock et al. 2019, "Large Scale GAN Training", section 3.1)."""

from typing import Literal

import torch
from torch import Tensor, nn

from ganforge.interfaces import Turn
from ganforge.regularizers.regularizer import Regularizer


class Orthogonal(Regularizer):
    """weight / 2 times the squared products of all pairs of different rows of a player's weights (equation 3).

    Every weight of two dimensions or more counts as a matrix with a row for each index of its first one. The vectors
    of classes are left out: they are no map. The gradient is 2 weight (W W^T o (1 - I)) W, as in an author's code
    (github.com/ajbrock/BigGAN-PyTorch): half of that of the paper's term.
    """

    def __init__(self, weight: float = 1e-4, player: Literal["generator", "discriminator"] = "generator") -> None:
        super().__init__(weight)
        self.player = player

    def discriminator(self, turn: Turn) -> Tensor | None:
        return self.term(turn.discriminator) if self.player == "discriminator" else None

    def generator(self, turn: Turn) -> Tensor | None:
        return self.term(turn.generator) if self.player == "generator" else None

    def term(self, network: nn.Module) -> Tensor:
        weights = [
            weight.to(torch.promote_types(weight.dtype, torch.float32)).flatten(1)
            for name, weight in network.named_parameters()
            if weight.ndim > 1 and not name.endswith("embedding.weight")
        ]
        with torch.autocast(weights[0].device.type, enabled=False):
            squares = [off_diagonal(rows @ rows.t()).square().sum() for rows in weights]
            return self.weight / 2 * torch.stack(squares).sum()


def off_diagonal(matrix: Tensor) -> Tensor:
    return matrix - matrix.diagonal().diag()
