"""A finished network from images to images."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ganforge.interfaces import Inputs
from ganforge.layers.enlarging import Enlarging
from ganforge.pretrained.blocks import filled_blocks
from ganforge.pretrained.files import Direction
from ganforge.randomness import derived_seed
from ganforge.sampling.sampler import Sampler
from ganforge.sampling.tiles import PIXELS_AT_ONCE, Stage, in_tiles
from ganforge.suggestions import suggestion

TOGETHER = 8
PIXELS_TOGETHER = 2**19
"""Of images that are translated at once; a larger one is translated alone."""


class PretrainedTranslator(Sampler):
    """A finished generator that starts from images.

    `image_shape` (C, S, S) is that of the images it was trained to make; `config` and `facts` are those of a
    `PretrainedGenerator`. `domains` are the names of those among which a target is chosen, of a network for several.
    """

    def __init__(
        self,
        network: nn.Module,
        image_shape: tuple[int, ...],
        config: dict[str, Any],
        facts: dict[str, Any],
        domains: tuple[str, ...] = (),
    ) -> None:
        super().__init__(network.requires_grad_(False).to(memory_format=torch.channels_last))
        self.image_shape, self.config, self.facts, self.domains = image_shape, config, facts, domains
        self.source_channels: int = network.source_channels  # type: ignore[assignment]
        self.multiple: int = network.multiple  # type: ignore[assignment]
        """What the height and the width that the network itself takes are multiples of."""
        self.scale: int = getattr(network, "scale", 1)
        """How many times as high and as wide as its sources its images are."""
        self.eval()

    @property
    def source_shape(self) -> tuple[int, ...]:
        """(C', S', S') of what it was trained to make images of."""
        return self.source_channels, *(side // self.scale for side in self.image_shape[1:])

    @property
    def direction(self) -> Direction:
        return self.config.get("direction", "a_to_b")

    @property
    def is_noisy(self) -> bool:
        """Whether dropout stays on, so that a translation depends on a seed."""
        return getattr(self.network, "dropout_at_test", False)

    def forward(self, source: Tensor, label: Tensor | None = None) -> Tensor:
        """sources (B, C', H, W), and target domains (B,) where there are several -> images (B, C, scale H, scale W),
        both in [-1, 1]; H and W multiples of `multiple`."""
        return self.network(source) if label is None else self.network(source, label)

    def number_of(self, target: str | int | None) -> int | None:
        """The label of a domain by its name or number; ValueError where there is no such domain, or none is named."""
        there = f"there are: {', '.join(self.domains)}"
        if not self.domains:
            if target is None:
                return None
            raise ValueError(f"target={target} is for a network of several domains: leave it out")
        if target is None:
            raise ValueError(f"say which domain with target= ({there})")
        if target in self.domains:
            return self.domains.index(target)
        if type(target) is int and 0 <= target < len(self.domains):
            return target
        raise ValueError(f"target={target} is no domain{suggestion(str(target), list(self.domains))} ({there})")

    def translate(
        self,
        images: Tensor,
        seed: int = 0,
        batch_size: int = TOGETHER,
        target: str | int | None = None,
        tile: int | None = None,
    ) -> Tensor:
        """Sources (B, source_channels, H, W) in [-1, 1] of any size -> images (B, C, scale H, scale W) in [-1, 1].

        Where the network has `domains`, `target` names one, or is its number.

        Where the network has `domains`, `target` names one, or is its number.

        What is missing to the next multiple is mirrored at the right and at the bottom, and cut off again. Images are
        always computed as many at a time as `batch_size`, or fewer if they are large, so that rounding never depends
        on B, nor on the other images; on the place in a batch it may. Where dropout stays on, each is computed alone,
        and its noise is a function of `seed` and its size.

        A network of `layers.enlarging` makes each image in parts, of `tile` x `tile` pixels of the source, with as
        much around them as they depend on: the whole is the same but for rounding. Without `tile` only large images
        are made so.
        """
        if images.ndim != 4 or images.shape[1] != self.source_channels or images.numel() == 0:
            raise ValueError(
                f"this network translates (B, {self.source_channels}, H, W) in [-1, 1], not {tuple(images.shape)}"
            )
        number = self.number_of(target)
        height, width = images.shape[-2:]
        self.refuse_tile(tile)
        if self.has_tiles and (tile is not None or height * width * self.scale**2 > PIXELS_AT_ONCE):
            return torch.cat([self._tiled(image, tile) for image in images.split(1)])
        together = 1 if self.is_noisy else self.together(height, width, batch_size)
        translated = []
        for block in filled_blocks(images, together):
            label = None if number is None else torch.full((together,), number)
            with self._noise(seed):
                made = self.images(Inputs(self._padded(block), label))
                translated.append(made[..., : self.scale * height, : self.scale * width])
        return torch.cat(translated)[: len(images)]

    @property
    def has_tiles(self) -> bool:
        """Whether a pixel that it makes depends on a neighbourhood of the source, and not on all of it."""
        return isinstance(self.network, Enlarging)

    def refuse_tile(self, tile: int | None) -> None:
        if tile is not None and not self.has_tiles:
            raise ValueError(
                f"tile={tile}: a part of what this network makes depends on the whole picture: leave it out"
            )
        if tile is not None and tile < 1:
            raise ValueError(f"tile={tile} must be at least 1")

    @torch.no_grad()
    def _tiled(self, image: Tensor, tile: int | None) -> Tensor:
        network: Any = self.network
        below, above = network.reaches
        features = in_tiles(Stage(network.features, below, 1), image.to(next(network.parameters())), tile)
        return in_tiles(Stage(network.enlarged, above, self.scale), features, tile).float()

    def together(self, height: int, width: int, batch_size: int = TOGETHER) -> int:
        """How many images of this size are computed at once."""
        return max(1, min(batch_size, PIXELS_TOGETHER // (height * width * self.scale**2)))

    def sample(self, *_: Any, **__: Any) -> NoReturn:
        raise ValueError("this network translates images and draws none: use translate(images), or src/translate.py")

    def _padded(self, images: Tensor) -> Tensor:
        least = 1 if self.has_tiles else min(2 * self.multiple, self.image_shape[-1])
        below, right = (max(least, -(-side // self.multiple) * self.multiple) - side for side in images.shape[-2:])
        mirrors = below < images.shape[-2] and right < images.shape[-1]
        return F.pad(images, (0, right, 0, below), mode="reflect" if mirrors else "replicate")

    @contextmanager
    def _noise(self, seed: int) -> Iterator[None]:
        """Dropout at test draws from the stream of the seed; the streams outside go on as if it had not."""
        if not self.is_noisy:
            yield
            return
        device = next(self.network.parameters()).device
        with torch.random.fork_rng([] if device.type == "cpu" else [device], device_type=device.type):
            torch.manual_seed(derived_seed("translate", seed))
            yield
