"""Which training images have a label, where only a few do."""

import torch
from torch import Tensor

from ganforge.randomness import derived_generator


def balanced(labels: Tensor, count: int, seed: int) -> Tensor:
    """The places of `count` of the labels (N,), as many of each class, sorted: a function of labels, count and seed.

    Those of a smaller count are among them. ValueError where there are no equal shares, or a class has too few images.
    """
    classes = int(labels.max()) + 1
    each, rest = divmod(count, classes)
    if rest:
        raise ValueError(
            f"data.labels={count} cannot be shared equally by {classes} classes: use a multiple of {classes}"
        )
    fewest, rarest = (number.item() for number in labels.bincount().min(0))
    if fewest < each:
        raise ValueError(
            f"data.labels={count} are {each:,} of each class, and class {rarest} has {fewest:,} training images: "
            f"use at most {fewest * classes}"
        )
    generator = derived_generator("few labels", seed)
    places = torch.randperm(len(labels), generator=generator)
    return torch.cat([places[labels[places] == number][:each] for number in range(classes)]).sort().values
