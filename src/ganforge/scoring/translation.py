"""What is asked of translations beside what is asked of all fakes: likeness to the truth, and the right class."""

from typing import Any

import torch
from torch import Tensor

from ganforge.data.bicubic import bicubic
from ganforge.data.module import InMemoryData
from ganforge.interfaces import Batch, FeatureExtractor, Inputs, to_unit_range
from ganforge.metrics import enlargement
from ganforge.metrics.classes import of_class
from ganforge.metrics.fingerprint import fingerprint
from ganforge.metrics.likeness import NAMES, likeness


class Translation:
    """The first `count` held-out sources, their true counterparts and their classes, where the data has them.

    `names` are those of the scores, means over all translations: likeness, and `class_kept`, the share of translations
    that the extractor takes for members of the class of their sources. `fingerprint` is that of all sources. Where the
    images are `scale` times larger than their sources, likeness is by the protocol of super-resolution.
    """

    asked = "class_kept"

    def __init__(self, data: InMemoryData, extractor: FeatureExtractor, count: int) -> None:
        everything = self.held_out(data)
        self.sources, self.fingerprint = everything.images[:count], fingerprint(everything.images)
        self.labels = None if everything.labels is None else self.wanted(everything.labels[:count], data)
        self.truth = self.counterparts(data)
        self.classes = self.labels if "labels" in extractor.needs else None
        self.scale = 1
        alike: tuple[str, ...] = ()
        if self.truth is not None:
            side = self.truth.shape[-1]
            self.scale = side // self.sources.shape[-1]
            alike = NAMES if self.scale == 1 else enlargement.names(side, self.scale)
        asked = () if self.classes is None else (f"{self.asked}_{extractor.name}",)
        self.names = (*alike, *asked)

    @property
    def stamp(self) -> dict[str, Any]:
        """`border`: the pixels at each side that are left out of the likeness."""
        return {"sources": self.fingerprint} | ({} if self.scale == 1 else {"border": self.scale})

    def held_out(self, data: InMemoryData) -> Batch:
        assert data.held_out_sources is not None
        return data.held_out_sources

    def wanted(self, labels: Tensor, data: InMemoryData) -> Tensor:
        """What sources of these classes should become."""
        return labels

    def counterparts(self, data: InMemoryData) -> Tensor | None:
        return data.held_out_split.images[: len(self.sources)] if "pairs" in data.gives else None

    def scores_of_real(self, logits: Tensor, labels: Tensor | None) -> dict[str, float]:
        """What real images of these classes get in the place of translations."""
        return {}

    def inputs(self, numbers: Tensor) -> Inputs:
        labels = None if self.labels is None else self.labels[numbers]
        return Inputs(to_unit_range(self.sources[numbers], torch.float32), labels)

    def agreement(self, fakes: Tensor, logits: Tensor, numbers: Tensor) -> Tensor:
        """For each of the translations number `numbers` (B, C, H, W) uint8 what `names` are the means of."""
        of_each = []
        if self.truth is not None:
            truth = self.truth[numbers].to(fakes.device)
            alike = likeness(fakes, truth) if self.scale == 1 else enlargement.likeness(fakes, truth, self.scale)
            of_each.append(alike)
        if self.classes is not None:
            of_each.append(of_class(logits, self.classes[numbers])[:, None])
        return torch.cat(of_each, 1)

    def copies(self, channels: int) -> Tensor:
        """The sources in the place of their translations: gray as equal channels, colours as their mean.

        Smaller ones are enlarged by bicubic interpolation.
        """
        sources, (height, width) = self.sources, self.sources.shape[-2:]
        if self.scale > 1:
            sources = bicubic(sources, (self.scale * height, self.scale * width))
        if channels == 1:
            return sources.float().mean(1, keepdim=True).round().byte()
        return sources.expand(-1, channels, -1, -1)


class DomainTranslation(Translation):
    """The first `count` held-out images, each to be translated to one of the domains that it is not in, by turns.

    `names`: likeness where held-out images have counterparts in the other domains, and `target_reached`, the share of
    translations that the extractor takes for members of their target.
    """

    asked = "target_reached"

    def held_out(self, data: InMemoryData) -> Batch:
        return data.held_out_split

    def wanted(self, labels: Tensor, data: InMemoryData) -> Tensor:
        assert data.num_classes is not None
        return (labels + 1 + torch.arange(len(labels)) % (data.num_classes - 1)) % data.num_classes

    def counterparts(self, data: InMemoryData) -> Tensor | None:
        identities, labels = data.held_out_identities, data.held_out_split.labels
        if identities is None:
            return None
        assert labels is not None and self.labels is not None
        places = torch.empty(int(identities.max()) + 1, int(labels.max()) + 1, dtype=torch.long)
        places[identities, labels] = torch.arange(len(labels))
        return data.held_out_split.images[places[identities[: len(self.labels)], self.labels]]

    def scores_of_real(self, logits: Tensor, labels: Tensor | None) -> dict[str, float]:
        if self.classes is None or labels is None:
            return {}
        return {self.names[-1]: of_class(logits, labels).double().mean().item()}
