"""The way back of a translation between domains (Choi et al. 2018, "StarGAN")."""

from torch import Tensor
from torch.nn.functional import l1_loss

from ganforge.interfaces import Turn
from ganforge.precision import full
from ganforge.regularizers.regularizer import Regularizer


class Reconstruction(Regularizer):
    """weight * E|x - G(G(x, c), c')|, a mean over pixels in [-1, 1] (equation 4): the generator brings its fakes back
    to the domains c' of the images x that they started from.
    """

    def generator(self, turn: Turn) -> Tensor:
        back = turn.generator(turn.drawn.images, turn.batch.labels)
        return self.weight * l1_loss(full(back), full(turn.batch.images))
