"""The handwritten digits that scikit-learn ships (Alpaydin and Kaynak 1998): real data that needs no download."""

from importlib.metadata import distribution
from typing import Any

import numpy as np
import torch

from ganforge.data.module import InMemoryData, held_out_order, hold_out, resized
from ganforge.interfaces import Batch


class Digits(InMemoryData):
    """1,797 gray digits of 8x8 pixels and 17 levels, enlarged; half of them are held out by default."""

    name = "digits"

    def __init__(self, held_out: float, **described: Any) -> None:
        super().__init__(**described)
        self.held_out = held_out
        self.split_name = f"held out {held_out:g} of digits"

    def load(self) -> tuple[Batch, Batch]:
        file = distribution("scikit-learn").locate_file("sklearn/datasets/data/digits.csv.gz")
        table = torch.from_numpy(np.loadtxt(str(file), delimiter=","))  # importing all of scikit-learn takes longer
        levels, labels = table[:, :-1].view(-1, 1, 8, 8) * (255 / 16), table[:, -1].long()
        assert self.image_size is not None
        order = held_out_order(len(labels), self.held_out)
        digits = Batch(resized(levels.round().byte(), self.image_size)[order], labels[order])
        return hold_out(digits, self.held_out)
