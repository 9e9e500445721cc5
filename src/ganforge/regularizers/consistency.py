"""A discriminator that says the same of what is nearly the same."""

import torch
from torch import Tensor
from torch.nn.functional import mse_loss

from ganforge.interfaces import Augmentation, Turn
from ganforge.precision import full
from ganforge.regularizers.regularizer import Regularizer


class Consistency(Regularizer):
    """weight * E[(D(x) - D(T(x)))^2] for real images (Zhang et al. 2020, "Consistency Regularization for Generative
    Adversarial Networks", equation 2), and as much for `fakes` where they are included (Zhao et al. 2021, "Improved
    Consistency Regularization for GANs", algorithm 1).

    T is the `transform`, of which the adversarial term sees nothing. With `augment=` both images are augmented, each on
    its own.
    """

    needs = frozenset({"images"})

    def __init__(self, transform: Augmentation, weight: float = 10.0, fakes: bool = False, interval: int = 1) -> None:
        super().__init__(weight, interval)
        self.transform, self.fakes = transform, fakes

    def discriminator(self, turn: Turn) -> Tensor:
        term = self.difference(turn, turn.batch.images, turn.real().logits)
        if self.fakes:
            term = term + self.difference(turn, turn.drawn.images, turn.fake().logits)
        return self.weight * term

    def difference(self, turn: Turn, images: Tensor, logits: Tensor) -> Tensor:
        return mse_loss(full(turn.judge(self.transform(images)).logits), full(logits))


class LatentConsistency(Regularizer):
    """Images of neighbouring latents should differ, and the discriminator not mind (Zhao et al. 2021, algorithm 2).

    With z' = z + N(0, deviation^2), weight * E[(D(G(z)) - D(G(z')))^2] for the discriminator, and for the generator
    -generator_weight * E[(G(z) - G(z'))^2], a mean over pixels too.
    """

    def __init__(self, weight: float = 20.0, generator_weight: float = 0.5, deviation: float = 0.05) -> None:
        super().__init__(weight)
        self.generator_weight, self.deviation = generator_weight, deviation

    def discriminator(self, turn: Turn) -> Tensor:
        with torch.no_grad():
            neighbours = self.neighbours(turn)
        return self.weight * mse_loss(full(turn.judge(neighbours).logits), full(turn.fake().logits))

    def generator(self, turn: Turn) -> Tensor:
        return -self.generator_weight * mse_loss(full(self.neighbours(turn)), full(turn.drawn.images))

    def neighbours(self, turn: Turn) -> Tensor:
        z, label = turn.drawn.inputs
        images: Tensor = turn.generator(z + self.deviation * torch.randn_like(z), label)
        return images
