"""A generator with styles, seen from w: what stands between its mapping and its synthesis (Karras et al. 2019)."""

from typing import Any

import torch
from torch import Tensor, nn

from ganforge.artifacts.images import grid
from ganforge.pretrained import BLOCK, PretrainedGenerator
from ganforge.sampling.latent import Latent

SPACES = ("z", "w")
"""Of latents, and of what a mapping makes of them."""


class FromStyles(nn.Module):
    """w (B, w_dim) -> images (B, C, H, W): the synthesis with one w for all of its layers. Labels are in w already."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.synthesis: Any = network.synthesis

    def forward(self, w: Tensor, label: Tensor | None = None) -> Tensor:
        return self.synthesis(w[:, None].expand(-1, self.synthesis.layers, -1))


class FromLayers(FromStyles):
    """A w for each layer, (B, layers * w_dim) -> images (B, C, H, W)."""

    def forward(self, w: Tensor, label: Tensor | None = None) -> Tensor:
        return self.synthesis(w.unflatten(1, (self.synthesis.layers, -1)))


def has_styles(generator: PretrainedGenerator) -> bool:
    return hasattr(generator.network, "mapping") and hasattr(generator.network, "synthesis")


def from_styles(generator: PretrainedGenerator, start: type[FromStyles] = FromStyles) -> PretrainedGenerator:
    """The same generator with w in the place of its latents."""
    network: Any = generator.network
    dim = network.average.numel() * (network.synthesis.layers if start is FromLayers else 1)
    return PretrainedGenerator(start(network), Latent(dim), generator.config, generator.facts)


@torch.no_grad()
def styles_of(generator: PretrainedGenerator, z: Tensor, labels: Tensor | None) -> Tensor:
    """w (B, w_dim) for latents (B, latent_dim), as near to the average as psi says; always computed BLOCK at a time."""
    found = []
    for start in range(0, len(z), BLOCK):
        index = torch.arange(start, start + BLOCK).clamp_max(len(z) - 1)
        of_block = generator.network.styles(z[index], None if labels is None else labels[index])  # type: ignore[operator]
        found.append(of_block[: len(z) - start, 0])
    return torch.cat(found)


def mixing_table(generator: PretrainedGenerator, rows: Tensor, columns: Tensor) -> Tensor:
    """A picture (C, H, W) uint8: images with the first half of their layers from the w of their row (R, w_dim), and the
    others from that of their column (K, w_dim), beside and below the images of these (Karras et al. 2019, figure 3).
    """
    layers: int = generator.network.synthesis.layers  # type: ignore[union-attr, assignment]
    coarse, fine = rows[:, None].expand(-1, len(columns), -1), columns.expand(len(rows), -1, -1)
    styles = torch.cat([coarse] * (layers // 2) + [fine] * (layers - layers // 2), 2)
    mixed = from_styles(generator, FromLayers).images_from(styles.flatten(0, 1)).unflatten(0, styles.shape[:2])
    plain = from_styles(generator)
    left, above = plain.images_from(rows), plain.images_from(columns)
    table = torch.cat([torch.cat([torch.zeros_like(above[:1]), above])[None], torch.cat([left[:, None], mixed], 1)])
    return grid(table.flatten(0, 1), len(columns) + 1)


def seen_from(
    space: str, generator: PretrainedGenerator, z: Tensor, labels: Tensor | None
) -> tuple[PretrainedGenerator, Tensor, Tensor | None]:
    """What draws from the points of a space, those of latents (B, latent_dim) there, and the labels that it takes."""
    if space == "z":
        return generator, z, labels
    return from_styles(generator), styles_of(generator, z, labels), None
