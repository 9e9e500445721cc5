"""A finished network from its file, with neither Hydra nor Lightning.

from ganforge.pretrained import from_pretrained
generator = from_pretrained("outputs/train/my_run")
images = generator.sample(16, seed=0)
translator = from_pretrained("outputs/train/my_translation")
images = translator.translate(pictures)                    # target="red", of a network for several domains
classifier = from_pretrained("outputs/train/my_run/classifier.safetensors")
probabilities = classifier.classify(pictures)
detector = from_pretrained("outputs/train/my_ganomaly")
scores, reconstructions = detector.detect(pictures)
"""

import inspect
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any, Literal, NoReturn, TypeAlias, get_args

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.modules.module import register_module_parameter_registration_hook

from ganforge.detection.detectors import STORED, Anomalies, Detector
from ganforge.interfaces import Inputs, Verdict
from ganforge.layers.enlarging import Enlarging
from ganforge.losses.elbo import Posterior, posterior
from ganforge.randomness import derived_generator, derived_seed
from ganforge.sampling.latent import Latent
from ganforge.sampling.sampler import Sampler
from ganforge.sampling.standing import BATCHES, IMAGES, with_standing_statistics
from ganforge.sampling.tiles import PIXELS_AT_ONCE, Stage, in_tiles
from ganforge.suggestions import suggestion

WEIGHTS = ("generator.safetensors", "model.safetensors")
"""What the weights are called in a run folder and in an exported one."""
BACKWARD_WEIGHTS = ("backward_generator.safetensors", "model.safetensors")
CLASSIFIER_WEIGHTS = ("classifier.safetensors", "model.safetensors")
DETECTOR_WEIGHTS = "detector.safetensors"
"""In a run folder, maybe beside a generator."""
Direction = Literal["a_to_b", "b_to_a"]
"""From sources to images, or back."""
BLOCK = 32
TOGETHER = 8
PIXELS_TOGETHER = 2**19
"""Of images that are translated at once; a larger one is translated alone."""
SIZE_LIMIT = 2048
"""Pixels along the side of the images that a network was trained on: what a file claims, nobody has allocated yet."""
METADATA_LIMIT = 10_000_000
ARGUMENTS_LIMIT = 4096
"""Characters that may describe a network; a real one needs a few hundred, and every layer that is named costs time."""
NAME_LIMIT = 255
"""Characters of the name of a domain, which may become that of a folder."""
SPARE_PARAMETERS = 100
"""That a network may give up again while it is built."""


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
        shape = _image_shape(self.network, self.latent.dim)
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
        self.class_names = _class_names(facts.get("class_names"), num_classes)
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


def refuse_other_images(images: Tensor, shape: tuple[int, ...], verb: str) -> None:
    if images.ndim != 4 or images.shape[1:] != shape or images.numel() == 0:
        sizes = ", ".join(map(str, shape))
        raise ValueError(f"this network {verb} (B, {sizes}) in [-1, 1], not {tuple(images.shape)}")


def _class_names(claimed: Any, count: int) -> list[str] | None:
    """One for each class, if the file has them."""
    if claimed is None:
        return None
    if not isinstance(claimed, list) or len(claimed) != count or not all(isinstance(name, str) for name in claimed):
        raise ValueError(f"class_names should be {count} texts")
    return claimed


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


def filled_blocks(images: Tensor, size: int) -> Iterator[Tensor]:
    """Consecutive blocks of exactly `size` images, the last one filled up with the last image."""
    for start in range(0, len(images), size):
        yield images[torch.arange(start, start + size).clamp_max(len(images) - 1)]


def from_pretrained(path: str | Path, direction: Direction | None = None) -> Any:
    """The network in a run folder, an exported folder, or a .safetensors file that ganforge wrote.

    A `PretrainedGenerator`; a `PretrainedTranslator` where it starts from images, of a run that has both directions in
    the one asked for; a `PretrainedEncoder`; a `PretrainedClassifier`; or a `PretrainedDetector`, by its file or of a
    run that draws nothing. Nothing in the file is executed: weights are plain tensors, the configuration is JSON and
    may name only `ganforge.networks`, `ganforge.detection` and heads of `ganforge.layers.heads`. ValueError says what
    is wrong with a file.
    """
    path = weights_file(Path(path), direction)
    try:
        with safe_open(path, "pt") as file:
            metadata = file.metadata() or {}
            # Copies: rounding may depend on where a tensor begins in memory, which in a file is anywhere.
            tensors = {name: file.get_tensor(name).clone() for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise ValueError(f"{path} is not a readable safetensors file: {error}") from error
    try:
        if sum(map(len, metadata.values())) > METADATA_LIMIT:
            raise ValueError(f"it has more than {METADATA_LIMIT:,} characters of metadata")
        config, facts = json.loads(metadata["config"]), json.loads(metadata["facts"])
        pretrained = _pretrained(config, facts, tensors)
    except (LookupError, TypeError, AttributeError, RecursionError, json.JSONDecodeError) as error:
        reason = f"{type(error).__name__}: {error}".splitlines()[0]
        raise ValueError(f"{path} carries no generator's configuration that ganforge can read ({reason})") from error
    except (RuntimeError, OverflowError) as error:
        reason = str(error).splitlines()[-1].strip()
        raise ValueError(f"the weights in {path} do not fit their configuration: {reason}") from error
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    refuse_other_direction(pretrained, direction, path)
    return pretrained


def weights_file(path: Path, direction: Direction | None = None) -> Path:
    """The file itself, or the one in a folder; ValueError where there is none."""
    names = BACKWARD_WEIGHTS if direction == "b_to_a" else WEIGHTS
    if found := file_in(path, (*names, DETECTOR_WEIGHTS) if names == WEIGHTS else names):
        return found
    hint = ", which model=cyclegan leaves: leave out direction=b_to_a" if path.is_dir() and names != WEIGHTS else ""
    raise ValueError(f"{path}: no such file or folder with {' or '.join(names)}{hint}")


def classifier_file(path: Path) -> Path:
    """The same of a classifier."""
    if found := file_in(path, CLASSIFIER_WEIGHTS):
        return found
    hint = ", which system=semi_supervised leaves" if path.is_dir() else ""
    raise ValueError(f"{path}: no such file or folder with {' or '.join(CLASSIFIER_WEIGHTS)}{hint}")


def file_in(path: Path, names: tuple[str, ...]) -> Path | None:
    candidates = [path / name for name in names] if path.is_dir() else [path]
    return next((candidate for candidate in candidates if candidate.is_file()), None)


def known_as(file: Path) -> str:
    """The name of a run's or an exported folder where the file of weights is called as all are, or its own."""
    file = file.resolve()
    own_names = (*WEIGHTS, *BACKWARD_WEIGHTS, *CLASSIFIER_WEIGHTS, DETECTOR_WEIGHTS)
    return file.parent.name if file.name in own_names else file.stem


def refuse_other_direction(pretrained: Pretrained, direction: Direction | None, path: Path) -> None:
    if direction is None:
        return
    if not isinstance(pretrained, PretrainedTranslator):
        raise ValueError(f"{path} translates nothing: leave out direction={direction}")
    if pretrained.direction != direction:
        raise ValueError(f"{path} has the direction {pretrained.direction}: choose another file, or that direction")


def _pretrained(config: dict[str, Any], facts: dict[str, Any], tensors: dict[str, Tensor]) -> Pretrained:
    """What the configuration describes around `tensors`."""
    model = config["model"]
    if "detector" in config:
        return _detector(config, facts, tensors)
    if "encoder" in model:
        arguments = dict(model["encoder"])
        shape = (arguments["channels"], *[_size(arguments["image_size"])] * 2)
        network, (mean, _) = _network(arguments, tensors, lambda network: _moments(network, shape), "encodes no images")
        return PretrainedEncoder(network, shape, mean[0], config, facts)
    if "classifier" in model:
        arguments = dict(model["classifier"])
        shape = (arguments["channels"], *[_size(arguments["image_size"])] * 2)
        network, (classes,) = _network(
            arguments, tensors, lambda network: _answered_classes(network, shape), "classifies no images"
        )
        return PretrainedClassifier(network, shape, classes, config, facts)
    if model.get("latent") is None:
        size = _size(config["data"]["image_size"])
        network, shape = _network(
            dict(model["generator"]), tensors, lambda network: _translated_shape(network, size), "translates no images"
        )
        if config.get("direction", "a_to_b") not in get_args(Direction):
            raise ValueError(f"direction={config['direction']!r:.40} should be a_to_b or b_to_a")
        return PretrainedTranslator(network, shape, config, facts, _domains(config, network))
    prior = dict(model["latent"])
    del prior["_target_"]
    latent = Latent(**prior)
    network, _ = _network(
        dict(model["generator"]), tensors, lambda network: _image_shape(network, latent.dim), "draws no images"
    )
    return PretrainedGenerator(network, latent, config, facts)


def _domains(config: dict[str, Any], network: nn.Module) -> tuple[str, ...]:
    """The names of a network's domains, or else their numbers; none of a network without."""
    count = getattr(network, "num_classes", None) or 0
    names = config.get("domains", [str(number) for number in range(count)])
    good = isinstance(names, list) and all(
        isinstance(name, str) and 0 < len(name) <= NAME_LIMIT and name.isprintable() for name in names
    )
    if not good or len(set(names)) != count or len(names) != count:
        raise ValueError(f"it should have different names for its {count} domains, of {NAME_LIMIT} characters at most")
    return tuple(names)


def _size(claimed: Any) -> int:
    if type(claimed) is not int or not 1 <= claimed <= SIZE_LIMIT:
        raise ValueError(f"image_size={claimed!r:.40} should be a whole number from 1 to {SIZE_LIMIT:,}")
    return claimed


def _network(
    arguments: dict[str, Any],
    tensors: dict[str, Tensor],
    shape: Callable[[nn.Module], tuple[Any, ...] | None],
    otherwise: str,
) -> tuple[nn.Module, tuple[Any, ...]]:
    """The network that `arguments` describe around `tensors`, and what `shape` says of what it makes.

    Nothing is allocated that the file does not hold. Where `shape` returns None, ValueError says `otherwise`.
    """
    network_class = _described_class(arguments)
    otherwise = f"{network_class.__module__}.{network_class.__name__} {otherwise}"
    return _filled(lambda: network_class(**arguments), tensors, shape, otherwise)


def _described_class(arguments: dict[str, Any]) -> type[nn.Module]:
    """The network that `arguments` name; their `_target_` is taken out."""
    if len(json.dumps(arguments)) > ARGUMENTS_LIMIT:
        raise ValueError(f"more than {ARGUMENTS_LIMIT:,} characters describe the network")
    if isinstance(arguments.get("head"), dict):
        arguments["head"] = _head(dict(arguments["head"]))
    return _network_class(arguments.pop("_target_"))


def _filled(
    build: Callable[[], nn.Module],
    tensors: dict[str, Tensor],
    shape: Callable[[Any], tuple[Any, ...] | None],
    otherwise: str,
) -> tuple[Any, tuple[Any, ...]]:
    """What `build` makes around `tensors`; the rest as of `_network`."""
    with torch.device("meta"), _no_more_parameters_than(len(tensors)):
        network = build().eval()
    made = shape(network)
    if made is None:
        raise ValueError(otherwise)
    network.load_state_dict(tensors, assign=True)
    return network.float(), made


def _detector(config: dict[str, Any], facts: dict[str, Any], tensors: dict[str, Tensor]) -> PretrainedDetector:
    """Of the networks that its kind needs, and settings that are plain numbers and words."""
    settings = {key: value for key, value in config["detector"].items() if key != "_partial_"}
    target = settings.pop("_target_")
    if target not in STORED:
        raise ValueError(f"{target!r:.80} is no detector of ganforge")
    kind: Any = STORED[target]
    data = config["data"]
    shape = (data["channels"], *[_size(data["image_size"])] * 2)
    described = {part: dict(config["model"][part]) for part in kind.parts}
    classes = {part: _described_class(arguments) for part, arguments in described.items()}

    def build() -> nn.Module:
        return kind(**{part: classes[part](**described[part]) for part in kind.parts}, **settings)

    network, _ = _filled(build, tensors, lambda network: _compared(network, shape), f"{target} compares no images")
    return PretrainedDetector(network, shape, config, facts)


def discriminator_of(arguments: dict[str, Any], tensors: dict[str, Tensor], shape: tuple[int, ...]) -> nn.Module:
    """The discriminator of images that `arguments` describe around `tensors`; ValueError where they make none."""
    judged = partial(_features, shape=shape)
    network, _ = _network(dict(arguments), tensors, judged, "judges no images")
    return network.requires_grad_(False).eval()


@contextmanager
def _no_more_parameters_than(count: int) -> Iterator[None]:
    """RuntimeError in a network that goes on and on: a number in its arguments may be any."""
    left = count + SPARE_PARAMETERS

    def counted(module: nn.Module, name: str, parameter: nn.Parameter) -> None:
        nonlocal left
        left -= 1
        if left < 0:
            raise RuntimeError(f"they are {count:,} tensors, and the network has more")

    handle = register_module_parameter_registration_hook(counted)
    try:
        yield
    finally:
        handle.remove()


def _head(node: dict[str, Any]) -> Callable[..., nn.Module]:
    """What `layers/heads.py` has under this name, to be called with what a network knows of its features."""
    target = node.pop("_target_")
    node.pop("_partial_", None)
    if not str(target).startswith("ganforge.layers.heads."):
        raise ValueError(f"{target!r} is not allowed: only ganforge.layers.heads has heads")
    return partial(_class_of(target), **node)


def _network_class(target: str) -> type[nn.Module]:
    """The class that `target` names, imported only from the networks of ganforge."""
    package, _, file = target.rpartition(".")[0].rpartition(".")
    if package != "ganforge.networks" or not file.isidentifier():
        raise ValueError(f"{target!r} is not allowed: only ganforge.networks may be named")
    return _class_of(target)


def _class_of(target: str) -> type[nn.Module]:
    """A module that was defined where its name says."""
    module, _, name = target.rpartition(".")
    try:
        network_class = getattr(import_module(module), name)
    except (ImportError, AttributeError):
        network_class = None
    if not (
        inspect.isclass(network_class) and issubclass(network_class, nn.Module) and network_class.__module__ == module
    ):
        raise ValueError(f"{target!r} is not a network of ganforge")
    return network_class


@torch.no_grad()
def _image_shape(network: nn.Module, latent_dim: int) -> tuple[int, ...] | None:
    """(C, H, W) of what a generator draws; None for another kind of network."""
    device = next(network.parameters()).device
    label = None if getattr(network, "num_classes", None) is None else torch.zeros(1, dtype=torch.long, device=device)
    return _shape(network(torch.zeros(1, latent_dim, device=device), label))


def _shape(images: Any) -> tuple[int, ...] | None:
    return tuple(images.shape[1:]) if isinstance(images, Tensor) and images.ndim == 4 else None


@torch.no_grad()
def _translated_shape(network: nn.Module, size: int) -> tuple[int, ...] | None:
    """(C, S, S) of what a generator makes of sources (C', S / scale, S / scale); None for another kind of network."""
    channels, multiple = (getattr(network, name, None) for name in ("source_channels", "multiple"))
    if not isinstance(channels, int) or not isinstance(multiple, int):
        return None
    scale = getattr(network, "scale", 1)
    if size % (multiple * scale):
        raise ValueError(f"image_size={size} is no multiple of {multiple * scale}, which the network needs")
    starts = [torch.zeros(1, channels, size // scale, size // scale, device="meta")]
    if getattr(network, "num_classes", None) is not None:
        starts.append(torch.zeros(1, dtype=torch.long, device="meta"))
    shape = _shape(network(*starts))
    return shape if shape is not None and shape[1:] == (size, size) else None


@torch.no_grad()
def _moments(network: nn.Module, shape: tuple[int, ...]) -> tuple[tuple[int, ...], ...] | None:
    """The shapes of mean and log variance, each (D,), of images; None for another kind of network."""
    made = network(torch.zeros(1, *shape, device="meta"))
    if not isinstance(made, tuple) or len(made) != 2 or not made[0].ndim == made[1].ndim == 2:
        return None
    return tuple(tuple(moment.shape[1:]) for moment in made)


@torch.no_grad()
def _answered_classes(network: nn.Module, shape: tuple[int, ...]) -> tuple[int] | None:
    """The number of classes that images are one of; None for another kind of network."""
    classes = getattr(network(torch.zeros(1, *shape, device="meta")), "classes", None)
    return (classes.shape[1],) if isinstance(classes, Tensor) and classes.ndim == 2 else None


@torch.no_grad()
def _compared(network: nn.Module, shape: tuple[int, ...]) -> tuple[int, ...] | None:
    """The shape of what a detector compares images with; None for another kind of network."""
    found = network(torch.zeros(1, *shape, device="meta"))
    fits = isinstance(found, Anomalies) and found.scores.shape == (1,) and found.reconstructions.shape == (1, *shape)
    return shape if fits else None


@torch.no_grad()
def _features(network: nn.Module, shape: tuple[int, ...]) -> tuple[int, ...] | None:
    """The shape of a discriminator's features of an image; None for another kind of network."""
    verdict = network(torch.zeros(1, *shape, device="meta"))
    return tuple(verdict.features.shape) if isinstance(verdict, Verdict) else None
