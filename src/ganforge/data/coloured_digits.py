"""Handwritten digits in ten colours: domains between which a translation has one right answer."""

import torch
from torch import Tensor

from ganforge.data.digits import Digits
from ganforge.data.module import of_every_class
from ganforge.interfaces import Batch
from ganforge.randomness import derived_generator

BLOCK = 1000
COLOURS = {
    "red": (255, 0, 0),
    "orange": (255, 128, 0),
    "yellow": (255, 255, 0),
    "green": (0, 255, 0),
    "cyan": (0, 255, 255),
    "blue": (0, 0, 255),
    "violet": (128, 0, 255),
    "magenta": (255, 0, 255),
    "pink": (255, 128, 192),
    "white": (255, 255, 255),
}
"""Each has a channel that is as bright as the digit, so that every colour shows all of it."""


class ColouredDigits(Digits):
    """The digits of `Digits` on black; the label is the colour, whatever the digit.

    To train on, each digit has one colour, which does not depend on the run's seed. The digits that are held out are
    there in every colour, so that a translation between colours can be compared with its true counterpart.
    """

    name = "coloured_digits"
    class_names = tuple(COLOURS)

    def load(self) -> tuple[Batch, Batch]:
        train, held_out = super().load()
        colours = torch.arange(len(train.images)) % len(COLOURS)
        colours = colours[torch.randperm(len(colours), generator=derived_generator("colours"))]
        digits, in_colours = of_every_class(len(held_out.images), len(COLOURS))
        self.held_out_identities = digits
        self.split_name = f"held out {self.held_out:g} of digits, in every colour"
        return (
            Batch(coloured(train.images, colours), colours),
            Batch(coloured(held_out.images[digits], in_colours), in_colours),
        )


def coloured(images: Tensor, colours: Tensor) -> Tensor:
    """Gray uint8 images (B, 1, H, W) in the colours number `colours` (B,) -> (B, 3, H, W)."""
    levels = torch.tensor(list(COLOURS.values()))[colours, :, None, None] / 255
    blocks = zip(images.split(BLOCK), levels.split(BLOCK), strict=True)
    return torch.cat([(block * level).round().byte() for block, level in blocks])
