"""Steps of one length in the space of styles that change images by one amount (Karras et al. 2020, "Analyzing and
Improving the Image Quality of StyleGAN", section 3.2)."""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from ganforge.interfaces import Turn
from ganforge.precision import unrounded
from ganforge.regularizers.double_backward import DifferentiatedTwice
from ganforge.regularizers.regularizer import Regularizer


class PathLength(Regularizer):
    """weight * E[(|J^T y| - a)^2] (equation 4), for y from N(0, 1 / pixels) and a running mean a of the lengths.

    For a generator with `styles` and `synthesis`, as StyleGAN2 is. As in the authors' code it is about the first half
    of a turn's latents, and with several styles for an image their squared lengths are averaged. `decay` is the share
    of the mean that a turn replaces.
    """

    mean: Tensor

    def __init__(self, weight: float = 2.0, interval: int = 4, decay: float = 0.01) -> None:
        super().__init__(weight, interval)
        self.decay = decay
        self.register_buffer("mean", torch.zeros(()))

    def refuse(self, generator: nn.Module, discriminator: nn.Module) -> None:
        if not (hasattr(generator, "styles") and hasattr(generator, "synthesis")):
            raise ValueError(
                "regularizer=path_length measures paths from styles to images, and this generator has no styles: use "
                "model=stylegan2, or leave it out"
            )

    def generator(self, turn: Turn) -> Tensor:
        start, label = turn.drawn.inputs
        half = math.ceil(len(start) / 2)
        generator: Any = turn.generator
        with unrounded(start):
            styles = generator.styles(start[:half], None if label is None else label[:half])
            lengths = path_lengths(generator.synthesis, styles)
        self.mean.lerp_(lengths.detach().mean().to(self.mean), self.decay)
        return self.weight * (lengths - self.mean).square().mean()


def path_lengths(synthesis: Callable[[Tensor], Tensor], styles: Tensor) -> Tensor:
    """|J^T y| (B,) for styles (B, layers, D) and as many y: the root of its mean square over the layers."""
    with DifferentiatedTwice():
        images = synthesis(styles)
    noise = torch.randn_like(images) / math.sqrt(math.prod(images.shape[2:]))
    (gradients,) = torch.autograd.grad((images * noise).sum(), styles, create_graph=True)
    return gradients.square().sum(2).mean(1).sqrt()
