"""The handwritten digits that scikit-learn ships (Alpaydin and Kaynak 1998): real data that needs no download."""

from typing import Any

import torch
from sklearn.datasets import load_digits

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
        images, labels = load_digits(return_X_y=True)
        levels = torch.from_numpy(images).view(-1, 1, 8, 8) * (255 / 16)
        assert self.image_size is not None
        order = held_out_order(len(labels), self.held_out)
        digits = Batch(resized(levels.round().byte(), self.image_size)[order], torch.from_numpy(labels).long()[order])
        return hold_out(digits, self.held_out)
