"""The auxiliary classifier of Odena et al. 2017, "Conditional Image Synthesis with Auxiliary Classifier GANs"."""

from torch import Tensor
from torch.nn.functional import cross_entropy

from ganforge.interfaces import Turn, Verdict
from ganforge.regularizers.regularizer import Regularizer


class Classification(Regularizer):
    """-L_C (equation 3): both players want the images to be of their classes, in nats.

    The discriminator learns it from real images and, with `on_fakes` as in the paper, from fakes as well. The class of
    a fake is the one that it was drawn for.
    """

    def __init__(self, weight: float = 1.0, interval: int = 1, on_fakes: bool = True) -> None:
        super().__init__(weight, interval)
        self.on_fakes = on_fakes

    def discriminator(self, turn: Turn) -> Tensor:
        real = cost(turn.real(), turn.batch.labels)
        return self.weight * (real + self.of_fakes(turn) if self.on_fakes else real)

    def generator(self, turn: Turn) -> Tensor:
        return self.weight * self.of_fakes(turn)

    def of_fakes(self, turn: Turn) -> Tensor:
        return cost(turn.fake(), turn.drawn.inputs.label)


def cost(verdict: Verdict, labels: Tensor | None) -> Tensor:
    assert verdict.classes is not None and labels is not None, "condition=auxiliary has both"
    return cross_entropy(verdict.classes.float(), labels)
