"""What is asked of translations beside what is asked of all fakes: likeness to the truth, and keeping the class."""

from typing import Any

import torch
from torch import Tensor

from ganforge.data.bicubic import bicubic
from ganforge.data.module import InMemoryData
from ganforge.interfaces import FeatureExtractor, Inputs, to_unit_range
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

    def __init__(self, data: InMemoryData, extractor: FeatureExtractor, count: int) -> None:
        assert data.held_out_sources is not None
        few, self.fingerprint = data.held_out_sources.at(slice(count)), fingerprint(data.held_out_sources.images)
        self.sources, self.labels = few.images, few.labels
        self.truth = data.held_out_split.images[:count] if "pairs" in data.gives else None
        self.classes = self.labels if "labels" in extractor.needs else None
        self.scale = 1
        alike: tuple[str, ...] = ()
        if self.truth is not None:
            side = self.truth.shape[-1]
            self.scale = side // self.sources.shape[-1]
            alike = NAMES if self.scale == 1 else enlargement.names(side, self.scale)
        kept = () if self.classes is None else (f"class_kept_{extractor.name}",)
        self.names = (*alike, *kept)

    @property
    def stamp(self) -> dict[str, Any]:
        """`border`: the pixels at each side that are left out of the likeness."""
        return {"sources": self.fingerprint} | ({} if self.scale == 1 else {"border": self.scale})

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
