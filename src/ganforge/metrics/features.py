"""Features and logits of a set of images, and torchmetrics' image scores computed from them."""

from typing import Any, NamedTuple

from torch import Tensor, nn
from torchmetrics import Metric
from torchmetrics.utilities import dim_zero_cat


class Features(NamedTuple):
    """features (N, D) and class logits (N, K) of N images; of translations also their `agreement` (N, n).

    That is with what each should have become, as the names of a `Translation` say.
    """

    features: Tensor
    logits: Tensor
    agreement: Tensor | None = None


class GivenFeatures(nn.Identity):
    """Stands where torchmetrics expects its Inception network."""

    def __init__(self, num_features: int) -> None:
        super().__init__()
        self.num_features = num_features


class FeatureMetric(Metric):
    """A score of a whole set of features against a fixed real set; collections share the gathered features."""

    features: list[Tensor]

    def __init__(self, real: Features, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.real = real
        self.add_state("features", [], dist_reduce_fx="cat")

    def update(self, features: Tensor) -> None:
        self.features.append(features)

    @property
    def fake_features(self) -> Tensor:
        return self.features[0] if len(self.features) == 1 else dim_zero_cat(self.features)


class ClassMetric(Metric):
    """A score of the class logits of a whole set of images."""

    logits: list[Tensor]

    def __init__(self, real: Features, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.real = real
        self.add_state("logits", [], dist_reduce_fx="cat")

    def update(self, logits: Tensor) -> None:
        self.logits.append(logits)

    @property
    def fake_logits(self) -> Tensor:
        return dim_zero_cat(self.logits)
