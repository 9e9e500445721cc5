"""LeCam regularisation (Tseng et al. 2021, "Regularizing Generative Adversarial Networks under Limited Data")."""

import torch
from torch import Tensor
from torch.nn.functional import relu

from ganforge.interfaces import Turn
from ganforge.precision import full
from ganforge.regularizers.regularizer import Regularizer


class LeCam(Regularizer):
    """weight * (E[relu(D(x) - a_F)^2] + E[relu(a_R - D(G(z)))^2]): each kind of logits meets the anchor of the other.

    a_R and a_F are moving averages of the mean logits of real images and of fakes over all processes; a batch leaves
    `decay` of what was before it. They are divided by the sum of their weights, and so are means from the first turn
    on, as in the authors' code for StyleGAN2. The term itself begins at `begin` images.
    """

    sums: Tensor
    total: Tensor

    def __init__(self, weight: float = 0.3, decay: float = 0.99, begin: int = 0, interval: int = 1) -> None:
        super().__init__(weight, interval)
        if not 0 <= decay < 1:
            raise ValueError(f"decay={decay} of the anchors should be at least 0 and less than 1")
        self.decay, self.begin = decay, begin
        self.register_buffer("sums", torch.zeros(2))
        self.register_buffer("total", torch.zeros(()))

    def discriminator(self, turn: Turn) -> Tensor | None:
        real, fake = full(turn.real().logits), full(turn.fake().logits)
        anchor_of_real, anchor_of_fakes = self.anchors(real, fake)
        if turn.images_seen < self.begin:
            return None
        terms = relu(real - anchor_of_fakes).square().mean() + relu(anchor_of_real - fake).square().mean()
        return self.weight * terms

    @torch.no_grad()
    def anchors(self, real: Tensor, fake: Tensor) -> Tensor:
        """a_R and a_F (2,), moved by these logits."""
        means = mean_over_ranks(torch.stack([real.mean(), fake.mean()]))
        self.sums.copy_(self.decay * self.sums + (1 - self.decay) * means)
        self.total.copy_(self.decay * self.total + (1 - self.decay))
        return self.sums / self.total


def mean_over_ranks(values: Tensor) -> Tensor:
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        torch.distributed.all_reduce(values)
        return values / torch.distributed.get_world_size()
    return values
