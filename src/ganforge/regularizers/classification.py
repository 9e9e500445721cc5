"""The auxiliary classifier of Odena et al. 2017, "Conditional Image Synthesis with Auxiliary Classifier GANs"."""

from torch import Tensor
from torch.nn.functional import cross_entropy

from ganforge.interfaces import Turn, Verdict
from ganforge.regularizers.regularizer import Regularizer


class Classification(Regularizer):
    """-L_C (equation 3): both players want the images to be of their classes, in nats.

    The discriminator learns it from real images and, with `on_fakes` as in the paper, from fakes as well.
    """

    def __init__(self, weight: float = 1.0, interval: int = 1, on_fakes: bool = True) -> None:
        super().__init__(weight, interval)
        self.on_fakes = on_fakes

    def discriminator(self, turn: Turn) -> Tensor:
        real = self.cost(turn.real(), turn)
        return self.weight * (real + self.cost(turn.fake(), turn) if self.on_fakes else real)

    def generator(self, turn: Turn) -> Tensor:
        return self.weight * self.cost(turn.fake(), turn)

    def cost(self, verdict: Verdict, turn: Turn) -> Tensor:
        assert verdict.classes is not None and turn.batch.labels is not None, "condition=auxiliary has both"
        return cross_entropy(verdict.classes.float(), turn.batch.labels)
