"""Inception score (Salimans et al. 2016) of any classifier's logits."""

import torch
from torch import Tensor
from torchmetrics.image.inception import InceptionScore

from ganforge.metrics.features import Features
from ganforge.metrics.features import GivenFeatures as GivenLogits


def inception_score(logits: Tensor) -> Tensor:
    """exp E[KL(p(y|x) || p(y))] over the whole set, in float64; from 1 to the number of classes.

    The set is not divided: the mean over ten parts that is often reported is lower where a part is small.
    """
    log_p = logits.double().log_softmax(1)
    log_marginal = log_p.logsumexp(0) - torch.tensor(len(log_p), dtype=torch.float64).log()
    return (log_p.exp() * (log_p - log_marginal)).sum(1).mean().exp()


class ClassifierScore(InceptionScore):
    """torchmetrics' Inception score over logits that were computed once, in one part and without a shuffle."""

    def __init__(self, real: Features) -> None:
        super().__init__(feature=GivenLogits(real.logits.shape[1]), splits=1)

    def update(self, logits: Tensor) -> None:
        super().update(logits)

    def compute(self) -> Tensor:  # type: ignore[override]
        return inception_score(torch.cat(self.features))
