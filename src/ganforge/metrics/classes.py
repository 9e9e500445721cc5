"""Which classes a generator draws, by a classifier's verdict."""

import torch
from torch import Tensor

from ganforge.metrics.features import ClassMetric


def histogram(logits: Tensor) -> Tensor:
    """The share (K,) of images that each class wins."""
    return torch.bincount(logits.argmax(1), minlength=logits.shape[1]).double() / len(logits)


def class_coverage(real_logits: Tensor, fake_logits: Tensor) -> dict[str, Tensor]:
    """Classes drawn at all, the rarest one's share, the histogram's entropy in nats, and its total variation from
    the classifier's histogram of real images (0: the same shares, 1: disjoint)."""
    real, fake = histogram(real_logits), histogram(fake_logits)
    return {
        "classes": (fake > 0).sum().double(),
        "rarest_class": fake.min(),
        "class_entropy": torch.special.entr(fake).sum(),
        "class_distance": 0.5 * (real - fake).abs().sum(),
    }


class ClassCoverage(ClassMetric):
    def compute(self) -> dict[str, Tensor]:
        return class_coverage(self.real.logits, self.fake_logits)
