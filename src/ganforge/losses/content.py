"""How far images are from their true counterparts: in pixels, or in the features of a network that is not trained."""

from collections.abc import Mapping
from typing import Any, Literal, Protocol

import torch
from torch import Tensor, nn
from torch.nn.functional import l1_loss, mse_loss

from ganforge.interfaces import Batch, Cached, ContentExtractor, Terms
from ganforge.precision import full

Distance = Literal["absolute", "squared"]
"""The mean of absolute differences, or of squares."""


class Term(Protocol):
    """A summand of the content loss: images and their counterparts (B, C, H, W) in [-1, 1] -> a scalar to minimise."""

    def prepare(self, train: Batch, held_out: Batch, cached: Cached) -> None:
        """Get ready for this data."""
        ...

    def describe(self) -> dict[str, Any]:
        """What it compares by, for the stamp."""
        ...

    def __call__(self, images: Tensor, truth: Tensor) -> Tensor: ...


class Pixels:
    """weight * the mean difference of pixels (Ledig et al. 2017, equation 4; Wang et al. 2018, section 3.4)."""

    def __init__(self, weight: float = 1.0, distance: Distance = "absolute") -> None:
        self.weight, self.distance = checked_weight("pixels", weight), distance

    def prepare(self, train: Batch, held_out: Batch, cached: Cached) -> None:
        """Pixels need nothing."""

    def describe(self) -> dict[str, Any]:
        return {"weight": self.weight, "distance": self.distance}

    def __call__(self, images: Tensor, truth: Tensor) -> Tensor:
        return self.weight * difference(images, truth, self.distance)


class Features:
    """weight * the mean difference of features (Ledig et al. 2017, equation 5; Wang et al. 2018, section 3.3).

    They are what convolution number `layer` of the extractor makes of images: `rectified` (SRGAN) or before that
    (ESRGAN). The extractor is no part of the system: its weights are not trained, and in no checkpoint.
    """

    def __init__(
        self,
        extractor: ContentExtractor,
        layer: int,
        weight: float = 1.0,
        distance: Distance = "absolute",
        rectified: bool = False,
    ) -> None:
        self.extractor, self.layer, self.rectified = extractor, layer, rectified
        self.weight, self.distance = checked_weight(extractor.name, weight), distance
        self.network = nn.Sequential()

    def prepare(self, train: Batch, held_out: Batch, cached: Cached) -> None:
        self.extractor.prepare(train, held_out, cached)
        layers = until(self.extractor.layers, self.layer, self.rectified)
        if layers is None:
            raise ValueError(f"content.{self.extractor.name}.layer={self.layer}: the network has fewer convolutions")
        self.network = nn.Sequential(*layers).requires_grad_(False).eval()

    def describe(self) -> dict[str, Any]:
        choices = {"weight": self.weight, "distance": self.distance, "layer": self.layer, "rectified": self.rectified}
        return self.extractor.describe() | choices

    def __call__(self, images: Tensor, truth: Tensor) -> Tensor:
        network = self.network.to(images.device, images.dtype)
        with torch.no_grad():
            true = network(truth)
        return self.weight * difference(network(images), true, self.distance)


class Content:
    """The sum of terms, by the names that the user has given them, which become the logged terms."""

    def __init__(self, terms: Mapping[str, Term]) -> None:
        if not terms:
            raise ValueError("there is no content loss: choose content=[pixels], or another")
        self.members = dict(terms)

    def prepare(self, train: Batch, held_out: Batch, cached: Cached) -> None:
        for member in self.members.values():
            member.prepare(train, held_out, cached)

    def describe(self) -> dict[str, Any]:
        return {name: member.describe() for name, member in self.members.items()}

    def terms(self, images: Tensor, truth: Tensor) -> Terms:
        return {name: member(images, truth) for name, member in self.members.items()}


def difference(images: Tensor, others: Tensor, distance: Distance) -> Tensor:
    """In float32 at least."""
    return (l1_loss if distance == "absolute" else mse_loss)(full(images), full(others))


def until(layers: nn.Sequential, number: int, rectified: bool) -> list[nn.Module] | None:
    """The layers up to convolution `number`, counted from 1, or up to the rectifier after it; None without either."""
    convolutions = [place for place, layer in enumerate(layers) if isinstance(layer, nn.Conv2d)]
    if not 1 <= number <= len(convolutions):
        return None
    last = convolutions[number - 1]
    if rectified:
        last = next(place for place in range(last, len(layers)) if isinstance(layers[place], nn.ReLU))
    return [*layers][: last + 1]


def checked_weight(name: str, weight: float) -> float:
    if weight < 0:
        raise ValueError(f"content.{name}.weight must not be negative, got {weight}")
    return weight
