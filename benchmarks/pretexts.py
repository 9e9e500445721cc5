"""What else a small network can be taught; `extractors.py` compares, docs/results.md has the numbers."""

import torch
from torch import Tensor
from torch.nn import functional as F

from ganforge.metrics.classifier import ClassifierExtractor
from ganforge.metrics.self_supervised import TURNS, SelfSupervisedExtractor, contrastive_loss, view
from ganforge.metrics.small_network import SmallNetwork


class OtherClassifier(ClassifierExtractor):
    """The classes again, learned in another order: no extractor can agree better with the classifier."""

    name = "other_classifier"


class Rotation(SelfSupervisedExtractor):
    """Which way up? (Gidaris et al. 2018)"""

    name = "rotation"
    batch = 128

    def loss(self, network: SmallNetwork, images: Tensor, targets: Tensor, generator: torch.Generator) -> Tensor:
        turns = torch.randint(TURNS, (len(images),), generator=generator)
        turned = torch.stack([image.rot90(int(turn), (1, 2)) for image, turn in zip(images, turns, strict=True)])
        return F.cross_entropy(network(turned)[1][:, :TURNS], turns)


class Instances(SelfSupervisedExtractor):
    """Which views are of the same image, all of them upright?"""

    name = "instances"

    def view(self, images: Tensor, generator: torch.Generator) -> Tensor:
        return view(images, torch.zeros(len(images)), generator)

    def loss(self, network: SmallNetwork, images: Tensor, targets: Tensor, generator: torch.Generator) -> Tensor:
        views = torch.cat([self.view(images, generator) for _ in range(2)])
        return contrastive_loss(network(views)[1][:, TURNS:], targets.repeat(2))


class Brightness(Instances):
    """The same, where views differ in brightness and contrast as well, as in Chen et al. 2020."""

    name = "brightness"

    def view(self, images: Tensor, generator: torch.Generator) -> Tensor:
        gain, offset = 0.4 * (2 * torch.rand(2, len(images), 1, 1, 1, generator=generator) - 1)
        views = super().view(images, generator)
        mean = views.mean((1, 2, 3), keepdim=True)
        return (1 + gain) * (views - mean) + mean + offset


class Decorrelated(Instances):
    """Features that are equal for two views and uncorrelated with one another (Zbontar et al. 2021, equation 1)."""

    name = "decorrelated"

    def loss(self, network: SmallNetwork, images: Tensor, targets: Tensor, generator: torch.Generator) -> Tensor:
        features = [network(self.view(images, generator))[0] for _ in range(2)]
        correlation = features[0].T @ features[1] / len(images)
        diagonal = correlation.diagonal()
        redundancy = correlation.square().sum() - diagonal.square().sum()
        return (diagonal - 1).square().sum() + 0.01 * redundancy


class Untrained(SelfSupervisedExtractor):
    """Random weights; only the batch norms see the data."""

    name = "untrained"

    def loss(self, network: SmallNetwork, images: Tensor, targets: Tensor, generator: torch.Generator) -> Tensor:
        return 0 * network(images)[0].sum()


PRETEXTS = {
    kind.name: kind
    for kind in (OtherClassifier, SelfSupervisedExtractor, Rotation, Instances, Brightness, Decorrelated, Untrained)
}
