"""Finished networks that draw, encode, classify, and tell what is abnormal."""

from typing import Any, NoReturn, TypeAlias

import torch
from torch import Tensor, nn

from ganforge.detection.detectors import Anomalies, Detector
from ganforge.interfaces import Inputs
from ganforge.losses.elbo import Posterior, posterior
from ganforge.pretrained.blocks import BLOCK, filled_blocks
from ganforge.pretrained.shapes import drawn_shape
from ganforge.pretrained.translator import PretrainedTranslator
from ganforge.randomness import derived_generator
from ganforge.sampling.latent import Latent
from ganforge.sampling.sampler import Sampler
from ganforge.sampling.standing import BATCHES, IMAGES, with_standing_statistics


class PretrainedGenerator(Sampler):
    """A finished generator with the latents it was trained on.

    `config` is the configuration that it was trained with, `facts` what is known of it (`images_seen`, `scores`).
    """

    latent: Latent

    def __init__(self, network: nn.Module, latent: Latent, config: dict[str, Any], facts: dict[str, Any]) -> None:
        super().__init__(network.requires_grad_(False).to(memory_format=torch.channels_last), latent)
        self.config, self.facts = config, facts
        self.eval()

    @property
    def image_shape(self) -> tuple[int, ...]:
        """(C, H, W) of what it draws."""
        shape = drawn_shape(self.network, self.latent.dim)
        assert shape is not None
        return shape

    def forward(self, z: Tensor, label: Tensor | None = None) -> Tensor:
        """latents (B, latent_dim), labels (B,) where there are classes -> images (B, C, H, W) in [-1, 1]."""
        return self.network(z, label)

    def latents(self, count: int, seed: int = 0, truncation: float | None = None, first: int = 0) -> Tensor:
        """Latents number `first` .. `first + count - 1` of a seed; each is a function of its number and the seed alone.

        `truncation` bounds every coordinate, redistributing what lies beyond (Brock et al. 2019, section 3.1).
        """
        return torch.cat(
            [
                self.latent.sample(1, generator=derived_generator("generate", seed, number), truncation=truncation)
                for number in range(first, first + count)
            ]
        )

    def standing(self, truncation: float | None = None) -> "PretrainedGenerator":
        """The same generator, with batch statistics of latents with this truncation in the place of those of training.

        ValueError where it has no batch norm.
        """
        generator = derived_generator("standing")
        batches = [
            Inputs(self.latent.sample(IMAGES, generator=generator, truncation=truncation), self.classes(IMAGES, first))
            for first in range(0, BATCHES * IMAGES, IMAGES)
        ]
        network = with_standing_statistics(self.network, batches)
        return PretrainedGenerator(network, self.latent, self.config, self.facts)

    def sample(
        self,
        count: int,
        seed: int = 0,
        truncation: float | None = None,
        labels: Tensor | None = None,
        first: int = 0,
    ) -> Tensor:
        """Images (count, C, H, W) in [-1, 1]; image number i of a seed is the same whatever else is asked for.

        So it is computed at one place of one block of images. Where there are classes and no `labels`, it is of class
        i modulo their number.
        """
        before = first % BLOCK
        z = self.latents(before + count, seed, truncation, first - before)
        if labels is None:
            labels = self.classes(before + count, first - before)
        else:
            labels = torch.cat([labels[:1].expand(before), labels])
        return self.images_from(z, labels)[before:]

    def images_from(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        """Images for latents (B, latent_dim), always computed BLOCK at a time, so that rounding never depends on B.

        It may depend on the place in the block, as some processors round the rows of a matrix product differently.
        """
        labels = self.classes(len(z)) if labels is None else labels
        images = []
        for start in range(0, len(z), BLOCK):
            index = torch.arange(start, start + BLOCK).clamp_max(len(z) - 1)
            block = self.images(Inputs(z[index], None if labels is None else labels[index]))
            images.append(block[: len(z) - start])
        return torch.cat(images)


class PretrainedEncoder(nn.Module):
    """A finished encoder of an autoencoder.

    `image_shape` (C, H, W) is what it encodes, in `latent_dim` dimensions; `config` and `facts` are those of a
    `PretrainedGenerator`.
    """

    def __init__(
        self,
        network: nn.Module,
        image_shape: tuple[int, ...],
        latent_dim: int,
        config: dict[str, Any],
        facts: dict[str, Any],
    ) -> None:
        super().__init__()
        self.network = network.requires_grad_(False).to(memory_format=torch.channels_last)
        self.image_shape, self.latent_dim, self.config, self.facts = image_shape, latent_dim, config, facts
        self.eval()

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """images (B, C, H, W) in [-1, 1] -> mean and log variance, each (B, latent_dim)."""
        return self.network(images)

    def encode(self, images: Tensor) -> Posterior:
        """The mean and log variance, each (B, latent_dim), of q(z | x) for images (B, C, H, W) in [-1, 1].

        Always computed BLOCK at a time, so that rounding never depends on B.
        """
        refuse_other_images(images, self.image_shape, "encodes")
        weight = next(self.network.parameters())
        with torch.no_grad():
            moments = [self.network(block.to(weight)) for block in filled_blocks(images, BLOCK)]
        mean, log_variance = (torch.cat(parts)[: len(images)] for parts in zip(*moments, strict=True))
        return posterior(mean, log_variance)

    def sample(self, *_: Any, **__: Any) -> NoReturn:
        raise ValueError("this network encodes images and draws none: use encode(images), or its decoder's file")


class PretrainedClassifier(nn.Module):
    """A finished discriminator that classifies.

    `image_shape` (C, H, W) is what it classifies, as one of `num_classes`, called `class_names` if they have names;
    `config` and `facts` are those of a `PretrainedGenerator`.
    """

    def __init__(
        self,
        network: nn.Module,
        image_shape: tuple[int, ...],
        num_classes: int,
        config: dict[str, Any],
        facts: dict[str, Any],
    ) -> None:
        super().__init__()
        self.network = network.requires_grad_(False).to(memory_format=torch.channels_last)
        self.image_shape, self.num_classes, self.config, self.facts = image_shape, num_classes, config, facts
        self.class_names = class_names_of(facts.get("class_names"), num_classes)
        self.eval()

    def forward(self, images: Tensor) -> Tensor:
        """images (B, C, H, W) in [-1, 1] -> the probability of each class (B, K)."""
        return self.network(images).classes.softmax(1)

    def classify(self, images: Tensor) -> Tensor:
        """The probability of each class (B, K) for images (B, C, H, W) in [-1, 1].

        Always computed BLOCK at a time, so that rounding never depends on B.
        """
        refuse_other_images(images, self.image_shape, "classifies")
        weight = next(self.network.parameters())
        with torch.no_grad():
            return torch.cat([self(block.to(weight)) for block in filled_blocks(images, BLOCK)])[: len(images)]

    def sample(self, *_: Any, **__: Any) -> NoReturn:
        raise ValueError("this network classifies images and draws none: use classify(images), or src/classify.py")


class PretrainedDetector(nn.Module):
    """A finished detector of anomalies.

    `image_shape` (C, H, W) is what it compares; `config` and `facts` are those of a `PretrainedGenerator`.
    """

    def __init__(
        self, network: Detector, image_shape: tuple[int, ...], config: dict[str, Any], facts: dict[str, Any]
    ) -> None:
        super().__init__()
        self.network: Detector = network.requires_grad_(False).to(memory_format=torch.channels_last)
        self.image_shape, self.config, self.facts = image_shape, config, facts
        self.eval()

    def forward(self, images: Tensor) -> Anomalies:
        """images (B, C, H, W) in [-1, 1] -> scores (B,) and reconstructions (B, C, H, W)."""
        return self.network(images)

    def detect(self, images: Tensor) -> Anomalies:
        """Scores (B,), larger ones more abnormal, of images (B, C, H, W) in [-1, 1], and what each was compared with.

        Always computed BLOCK at a time, so that rounding never depends on B.
        """
        refuse_other_images(images, self.image_shape, "compares")
        weight = next(self.network.parameters())
        with torch.no_grad():
            found = [self.network(block.to(weight)) for block in filled_blocks(images, BLOCK)]
        return Anomalies(*(torch.cat(parts)[: len(images)] for parts in zip(*found, strict=True)))

    def sample(self, *_: Any, **__: Any) -> NoReturn:
        raise ValueError("this network compares images and draws none: use detect(images), or src/detect.py")


FromImages: TypeAlias = PretrainedTranslator | PretrainedEncoder | PretrainedClassifier | PretrainedDetector
Pretrained: TypeAlias = PretrainedGenerator | FromImages


def refuse_other_images(images: Tensor, shape: tuple[int, ...], verb: str) -> None:
    if images.ndim != 4 or images.shape[1:] != shape or images.numel() == 0:
        sizes = ", ".join(map(str, shape))
        raise ValueError(f"this network {verb} (B, {sizes}) in [-1, 1], not {tuple(images.shape)}")


def class_names_of(claimed: Any, count: int) -> list[str] | None:
    """One for each class, if the file has them."""
    if claimed is None:
        return None
    if not isinstance(claimed, list) or len(claimed) != count or not all(isinstance(name, str) for name in claimed):
        raise ValueError(f"class_names should be {count} texts")
    return claimed
