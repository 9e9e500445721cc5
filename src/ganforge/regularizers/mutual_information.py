"""Codes that images tell of: Chen et al. 2016, "InfoGAN: Interpretable Representation Learning by Information
Maximizing Generative Adversarial Nets".
"""

import math
from collections.abc import Mapping

from torch import Tensor
from torch.nn.functional import cross_entropy

from ganforge.interfaces import Codes, Turn
from ganforge.regularizers.regularizer import Regularizer


class MutualInformation(Regularizer):
    """-L_I (equation 5) of both players: minus a lower bound of what fakes tell of their codes, in nats.

    E[log Q(c | x)] + H(c), for categorical codes times `weight`, for continuous ones times `continuous_weight`. Q of
    the latter is a Gaussian with a fixed `deviation`, as in the authors' code. `codes` are the arguments of `Codes`.
    The discriminator's turn teaches Q and the features below it, the generator's turn the generator.
    """

    def __init__(
        self,
        codes: Mapping[str, int | list[int]],
        weight: float = 1.0,
        continuous_weight: float = 1.0,
        deviation: float = 1.0,
        interval: int = 1,
    ) -> None:
        super().__init__(weight, interval)
        if continuous_weight < 0 or deviation <= 0:
            raise ValueError(
                "continuous_weight must not be negative and deviation must be positive, got "
                f"{continuous_weight} and {deviation}"
            )
        self.codes = Codes(**codes)  # type: ignore[arg-type]
        self.continuous_weight, self.deviation = continuous_weight, deviation

    def discriminator(self, turn: Turn) -> Tensor:
        return self.cost(turn)

    def generator(self, turn: Turn) -> Tensor:
        return self.cost(turn)

    def cost(self, turn: Turn) -> Tensor:
        said, drawn = turn.fake().codes, turn.drawn.inputs.start[:, -self.codes.size :]
        assert said is not None, "condition=codes has a head that says them"
        (guesses, means), (choices, values) = self.codes.split(said.float()), self.codes.split(drawn.float())
        missing = (means - values).square().sum(1).mean() / (2 * self.deviation**2)
        missing = missing + self.codes.continuous * math.log(self.deviation * math.sqrt(2 * math.pi) / 2)
        total = self.continuous_weight * missing
        for guess, choice in zip(guesses, choices, strict=True):
            total = total + self.weight * (cross_entropy(guess, choice) - math.log(guess.shape[1]))
        return total
