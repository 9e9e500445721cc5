"""A small classifier of the data set's own classes."""

import torch
from torch import Tensor
from torch.nn import functional as F

from ganforge.interfaces import Batch
from ganforge.metrics.small_network import SmallNetwork, TrainedExtractor


class ClassifierExtractor(TrainedExtractor):
    name = "classifier"
    needs = frozenset({"images", "labels"})

    def targets(self, split: Batch) -> Tensor:
        assert split.labels is not None
        return split.labels

    def answers(self, train: Batch) -> int:
        return int(self.targets(train).max()) + 1

    def loss(self, network: SmallNetwork, images: Tensor, targets: Tensor, generator: torch.Generator) -> Tensor:
        return F.cross_entropy(network(images)[1], targets)

    def share_right(self, held_out: Batch) -> float:
        classes = torch.cat([self(block)[1].argmax(1).cpu() for block in held_out.images.split(500)])
        return (classes == self.targets(held_out)).double().mean().item()
