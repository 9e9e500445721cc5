"""Adversarial losses on raw logits; every function returns the mean over the batch, to be minimised by its player.

With a discriminator D = sigmoid(logit), -log D(x) is softplus(-logit) and -log(1 - D(x)) is softplus(logit).
"""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F


def _checked_smoothing(label_smoothing: float) -> float:
    if not 0 <= label_smoothing < 1:
        raise ValueError(f"label_smoothing must be in [0, 1), got {label_smoothing}")
    return label_smoothing


class Minimax:
    """The zero-sum game V(D, G) of Goodfellow et al. 2014, equation 1; the generator's side saturates.

    `label_smoothing` is one-sided (Salimans et al. 2016, 3.4): real images are labelled 1 - label_smoothing.
    """

    def __init__(self, label_smoothing: float = 0.0) -> None:
        self.label_smoothing = _checked_smoothing(label_smoothing)

    def discriminator(self, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
        label = torch.full_like(real_logits, 1 - self.label_smoothing)
        return F.binary_cross_entropy_with_logits(real_logits, label) + F.softplus(fake_logits).mean()

    def generator(self, real_logits: Callable[[], Tensor], fake_logits: Tensor) -> Tensor:
        return -F.softplus(fake_logits).mean()


class NonSaturating(Minimax):
    """The minimax discriminator against a generator that maximises log D(G(z)) (Goodfellow et al. 2014, section 3)."""

    def generator(self, real_logits: Callable[[], Tensor], fake_logits: Tensor) -> Tensor:
        return F.softplus(-fake_logits).mean()


class LeastSquares:
    """LSGAN with a = 0, b = c = 1 (Mao et al. 2017, equation 9); one-sided `label_smoothing` lowers b."""

    def __init__(self, label_smoothing: float = 0.0) -> None:
        self.label_smoothing = _checked_smoothing(label_smoothing)

    def discriminator(self, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
        real_label = 1 - self.label_smoothing
        return 0.5 * (real_logits - real_label).square().mean() + 0.5 * fake_logits.square().mean()

    def generator(self, real_logits: Callable[[], Tensor], fake_logits: Tensor) -> Tensor:
        return 0.5 * (fake_logits - 1).square().mean()


class Wasserstein:
    """The dual form of the Wasserstein-1 distance (Arjovsky et al. 2017, equation 2); needs a Lipschitz critic."""

    def discriminator(self, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
        return fake_logits.mean() - real_logits.mean()

    def generator(self, real_logits: Callable[[], Tensor], fake_logits: Tensor) -> Tensor:
        return -fake_logits.mean()


class Hinge:
    """The hinge version of the game (Lim and Ye 2017, equation 11; Miyato et al. 2018, equations 16 and 17)."""

    def discriminator(self, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
        return F.relu(1 - real_logits).mean() + F.relu(1 + fake_logits).mean()

    def generator(self, real_logits: Callable[[], Tensor], fake_logits: Tensor) -> Tensor:
        return -fake_logits.mean()


class Relativistic:
    """Relativistic pairing, f(t) = softplus(-t) (Jolicoeur-Martineau 2018; Huang et al. 2024, equation 2).

    Each fake is compared with one real image, so a generator that drops a mode still loses to the images there.
    """

    def discriminator(self, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
        return F.softplus(fake_logits - real_logits).mean()

    def generator(self, real_logits: Callable[[], Tensor], fake_logits: Tensor) -> Tensor:
        return F.softplus(real_logits() - fake_logits).mean()


class RelativisticAverage:
    """Is an image more real than the average one of the other kind? (Jolicoeur-Martineau 2018; Wang et al. 2018, 3.2).

    The mean of the two cross-entropies, as the authors of ESRGAN compute it; its equations 1 and 2 have their sum. As
    there, gradients also flow through the averages; BasicSR's code of today holds them fixed in turns of the
    discriminator. Averages are over the images that a process has in a batch.
    """

    def discriminator(self, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
        return self._cross_entropies(real_logits, fake_logits)

    def generator(self, real_logits: Callable[[], Tensor], fake_logits: Tensor) -> Tensor:
        return self._cross_entropies(fake_logits, real_logits())

    @staticmethod
    def _cross_entropies(better: Tensor, worse: Tensor) -> Tensor:
        return 0.5 * (F.softplus(worse.mean() - better).mean() + F.softplus(worse - better.mean()).mean())
