"""Data of a translation in the other direction."""

from ganforge.data.module import InMemoryData
from ganforge.interfaces import Batch


class Exchanged(InMemoryData):
    """What is a source in `data`, which is loaded, is an image here, and the reverse; pairs stay pairs."""

    def __init__(self, data: InMemoryData) -> None:
        super().__init__(data.image_size, data.source_channels, None, batch_size=1, seed=data.seed, flip=False)
        self.data, self.name, self.split_name = data, data.name, data.split_name
        self.own_sources = data.gives & {"sources", "pairs"}  # type: ignore[misc]

    def load(self) -> tuple[Batch, Batch]:
        train, view, apart = self.data.train_split, self.data.view, self.data.train_sources
        if apart is None:
            pictures = train.sources if view is None else view.of_many(train.images)
            assert pictures is not None
            apart = Batch(pictures, train.labels)
        assert self.data.held_out_sources is not None
        self.held_out_sources = self.data.held_out_split._replace(sources=None)
        return apart, self.data.held_out_sources
