"""What an image is, and which way up: scores that need neither labels nor a download.

Every image in every quarter turn is a class of its own (Dosovitskiy et al. 2014): of two views of each in a batch, the
network must find which belong together, and it must predict the turn (Gidaris et al. 2018). Views differ in geometry
only, because scores overlook whatever the network has learned to overlook, such as brightness.
"""

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from ganforge.interfaces import Batch
from ganforge.metrics.small_network import SmallNetwork, TrainedExtractor, normalised
from ganforge.randomness import derived_generator

TURNS = 4
EMBEDDING = 64
TEMPERATURE = 0.2
SMALLEST_AREA = 0.4
LARGEST_TILT = 0.3
LARGEST_STRETCH = 0.25


class SelfSupervisedExtractor(TrainedExtractor):
    name = "self_supervised"
    needs = frozenset({"images"})
    batch = 64

    def __init__(self, epochs: int = 40, max_steps: int = 1500) -> None:
        super().__init__(epochs, max_steps)

    def targets(self, split: Batch) -> Tensor:
        return torch.arange(len(split.images))

    def answers(self, train: Batch) -> int:
        return TURNS + EMBEDDING

    def loss(self, network: SmallNetwork, images: Tensor, targets: Tensor, generator: torch.Generator) -> Tensor:
        turns = torch.randint(TURNS, (len(images),), generator=generator)
        views = torch.cat([view(images, turns, generator) for _ in range(2)])
        which_turn, embedding = network(views)[1].split([TURNS, EMBEDDING], 1)
        same = contrastive_loss(embedding, (TURNS * targets + turns).repeat(2))
        return same + F.cross_entropy(which_turn, turns.repeat(2))

    def share_right(self, held_out: Batch) -> float:
        """How often the nearest of up to 500 views is of the same image."""
        images, generator = normalised(held_out.images[:500]), derived_generator("views")
        upright = torch.zeros(len(images))
        one, other = (self.outputs(view(images, upright, generator))[1][:, TURNS:] for _ in range(2))
        nearest = (F.normalize(one) @ F.normalize(other).T).argmax(1)
        return (nearest == torch.arange(len(images))).double().mean().item()


def contrastive_loss(embedding: Tensor, numbers: Tensor) -> Tensor:
    """NT-Xent (Chen et al. 2020, equation 1): `embedding` (2B, K) of one view of each image, then of the other views.

    An image that was drawn twice, as its number says, is not held against itself.
    """
    directions, rows = F.normalize(embedding), torch.arange(len(embedding))
    pairs = rows.roll(len(rows) // 2)
    ignored = numbers[:, None] == numbers
    ignored[rows, pairs] = False
    return F.cross_entropy((directions @ directions.T / TEMPERATURE).masked_fill(ignored, -torch.inf), pairs)


def view(images: Tensor, turns: Tensor, generator: torch.Generator) -> Tensor:
    """A part of each image (B, C, H, W) in full size, by quarter turns (B,), and tilted and stretched a little."""
    area, tilt, stretch, x, y = torch.rand(5, len(images), generator=generator)
    scale = (SMALLEST_AREA + (1 - SMALLEST_AREA) * area).sqrt()
    angle = turns * (math.pi / 2) + LARGEST_TILT * (2 * tilt - 1)
    stretched = scale * (LARGEST_STRETCH * (2 * stretch - 1)).exp()
    rows = [
        torch.stack([stretched * angle.cos(), -scale * angle.sin(), (1 - scale) * (2 * x - 1)], 1),
        torch.stack([stretched * angle.sin(), scale * angle.cos(), (1 - scale) * (2 * y - 1)], 1),
    ]
    grid = F.affine_grid(torch.stack(rows, 1), list(images.shape), align_corners=False)
    return F.grid_sample(images, grid, padding_mode="border", align_corners=False)
