"""Networks alike: what a generator draws, or the logits of what a discriminator says; with classes or without."""

from functools import partial
from typing import Any

from torch import Tensor, nn

from ganforge.interfaces import Verdict
from ganforge.layers.heads import HeadFactory, Projection


def output(network: nn.Module, *inputs: Any) -> Tensor:
    said = network(*inputs)
    return said.logits if isinstance(said, Verdict) else said


def of_classes(network: type[nn.Module], num_classes: int | None) -> dict[str, Any]:
    """The argument with which a generator, or a discriminator by projection, takes classes."""
    if network.__name__ == "Generator":
        return {"num_classes": num_classes}
    return {"head": projection(num_classes)}


def projection(num_classes: int | None) -> HeadFactory | None:
    return None if num_classes is None else partial(Projection, num_classes=num_classes)
