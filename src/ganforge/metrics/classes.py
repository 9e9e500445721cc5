"""Which classes a generator draws, and whether they are those asked for, by a classifier's verdict."""

import torch
from scipy.optimize import linear_sum_assignment
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


def of_class(logits: Tensor, classes: Tensor) -> Tensor:
    """1 for each image (N,) that the classifier takes for one of its class, 0 for the others."""
    return (logits.argmax(1) == classes.to(logits.device)).float()


def code_accuracy(logits: Tensor, codes: Tensor) -> float:
    """The share of images (N,) of the class that is assigned to their code.

    Each class belongs to one code at most, and as many images as possible agree (Xie et al. 2016, "Unsupervised Deep
    Embedding for Clustering Analysis", equation 10): a generator of one class alone is right for one code alone.
    """
    counts = torch.zeros(int(codes.max()) + 1, logits.shape[1])
    counts.index_put_((codes.cpu(), logits.argmax(1).cpu()), torch.ones(len(codes)), accumulate=True)
    assigned = linear_sum_assignment(counts.numpy(), maximize=True)
    return counts[assigned].sum().item() / len(codes)


class ClassCoverage(ClassMetric):
    def compute(self) -> dict[str, Tensor]:
        return class_coverage(self.real.logits, self.fake_logits)
