"""Two data sets as the two kinds of images between which to translate."""

from typing import Any, ClassVar

from torch import Tensor

from ganforge.data.module import InMemoryData
from ganforge.interfaces import Batch


class TwoSets(InMemoryData):
    """Images of `target` made of those of `source`, each with its own labels; gray is repeated beside colours.

    The two sets have no options of their own for how they are shown.
    """

    own_sources: ClassVar = frozenset({"sources"})

    def __init__(self, source: InMemoryData, target: InMemoryData, **described: Any) -> None:
        super().__init__(**described)
        for role, data in (("source", source), ("target", target)):
            if data.kind != "images" or data.own_sources:
                raise ValueError(f"data.{role} must be a set of images, and {data.name} is none")
            if data.image_size != self.image_size:
                raise ValueError(
                    f"data.{role}.image_size={data.image_size} has no place here: data.image_size is of both"
                )
            for key in ("flip", "binarize", "view", "jitter", "labels"):
                if stated := getattr(data, key):
                    raise ValueError(f"data.{role}.{key}={stated} has no place here: leave it out")
        self.source, self.target = source, target
        self.name = f"{source.name}_to_{target.name}"
        self.num_classes = self.num_classes or target.num_classes
        if source.channels is not None and target.channels is not None:
            widest = max(source.channels, target.channels)
            self.channels, self.source_channels = self.channels or widest, self.source_channels or widest

    def load(self) -> tuple[Batch, Batch]:
        for data in (self.source, self.target):
            data.load_splits()
        channels = max(data.held_out_split.images.shape[1] for data in (self.source, self.target))
        self.train_sources, self.held_out_sources, train, held_out = (
            split._replace(images=repeated(split.images, channels))
            for data in (self.source, self.target)
            for split in (data.train_split, data.held_out_split)
        )
        self.split_name = self.target.split_name
        return train, held_out


def repeated(images: Tensor, channels: int) -> Tensor:
    """Gray (N, 1, H, W) as a view with so many equal channels."""
    return images.expand(-1, channels, -1, -1)
