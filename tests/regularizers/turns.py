"""A turn about verdicts that a test has made up."""

from typing import Any

import torch
from torch import Tensor, nn

from ganforge.interfaces import Batch, Drawn, Inputs, Turn, Verdict


def turn(real: Verdict | None, fake: Verdict, labels: Tensor | None = None, start: Tensor | None = None) -> Turn:
    images = torch.zeros(len(fake.logits), 1, 4, 4)
    nothing: Any = nn.Identity()
    drawn = Drawn(images, Inputs(images if start is None else start, labels))
    return Turn(Batch(images, labels), drawn, lambda: real, lambda: fake, nothing, nothing, nothing)  # type: ignore[arg-type, return-value]


def verdict(count: int, **more: Tensor) -> Verdict:
    return Verdict(torch.zeros(count), torch.zeros(count, 3), **more)
