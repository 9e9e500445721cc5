"""Feature matching (Salimans et al. 2016, "Improved Techniques for Training GANs", section 3.1)."""

from typing import Literal

from torch import Tensor

from ganforge.interfaces import Turn
from ganforge.precision import full
from ganforge.regularizers.regularizer import Regularizer


class FeatureMatching(Regularizer):
    """weight * mean over features of |E[f(x)] - E[f(G(z))]|, or of its square, for the generator, beside its loss.

    f are the discriminator's features, and E is over the batch, in each process over its own share. The paper's formula
    has the square; the authors' code takes it for MNIST, and the absolute value for CIFAR-10.
    """

    def __init__(self, weight: float = 1.0, distance: Literal["squared", "absolute"] = "squared") -> None:
        super().__init__(weight)
        self.distance = distance

    def generator(self, turn: Turn) -> Tensor:
        real, fake = (full(verdict.features).flatten(1).mean(0) for verdict in (turn.real(), turn.fake()))
        difference = (real - fake).square() if self.distance == "squared" else (real - fake).abs()
        return self.weight * difference.mean()
