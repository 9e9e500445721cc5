"""Images of two kinds, none of which has a counterpart."""

from pathlib import Path
from typing import Any, ClassVar, Literal

from ganforge.data.folder import Part, PictureData, pictures
from ganforge.data.module import held_out_items
from ganforge.data.pairs import Direction
from ganforge.interfaces import Batch

OFFICIAL = ("trainA", "testA", "trainB", "testB")


class Domains(PictureData):
    """Pictures of A and of B below `path`, as for the experiments of Zhu et al. 2017.

    They are in trainA, testA, trainB and testB; or in A and B, of which a share is held out. `direction` says which is
    made of which.
    """

    own_sources: ClassVar = frozenset({"sources"})
    image_size: int
    channels: Literal[1, 3]
    source_channels: Literal[1, 3]

    def __init__(
        self,
        image_size: int,
        channels: Literal[1, 3],
        source_channels: Literal[1, 3],
        direction: Direction,
        **pictures: Any,
    ) -> None:
        super().__init__(image_size=image_size, channels=channels, source_channels=source_channels, **pictures)
        self.direction = direction

    def load(self) -> tuple[Batch, Batch]:
        channels = {"A": self.source_channels, "B": self.channels}
        if self.direction == "b_to_a":
            channels = {"A": self.channels, "B": self.source_channels}
        parts = []
        for domain, splits in self._files().items():
            shapes = self.shapes(self.image_size, channels[domain])
            parts += [Part([(file,) for file in files], shape) for files, shape in zip(splits, shapes, strict=True)]
        a, held_out_a, b, held_out_b = (Batch(images) for (images,) in self.decoded(*parts))
        if self.direction == "b_to_a":
            a, held_out_a, b, held_out_b = b, held_out_b, a, held_out_a
        self.train_sources, self.held_out_sources = a, held_out_a
        return b, held_out_b

    def _files(self) -> dict[str, tuple[list[Path], list[Path]]]:
        """The training and the held-out pictures of each domain."""
        if any((self.path / name).is_dir() for name in OFFICIAL):
            self.split_name = f"test of {self.name}"
            train_a, test_a, train_b, test_b = (pictures(self.path / name) for name in OFFICIAL)
            return {"A": (train_a, test_a), "B": (train_b, test_b)}
        if not ((self.path / "A").is_dir() and (self.path / "B").is_dir()):
            raise ValueError(
                f"{self.path} has neither the folders {', '.join(OFFICIAL)} nor A and B; a folder for each of several "
                "domains is for model=stargan data=folder"
            )
        self.split_name = f"held out {self.held_out:g} of {self.name}"
        return {domain: held_out_items(pictures(self.path / domain), self.held_out) for domain in ("A", "B")}
