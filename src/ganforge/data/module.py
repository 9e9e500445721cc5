"""Images that live in memory as one tensor, and the order in which a discriminator sees them."""

import math
from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence
from typing import Any, ClassVar, Literal, TypeVar

import torch
from lightning import LightningDataModule
from torch import Tensor
from torch.nn import functional as F

from ganforge.data.few_labels import balanced
from ganforge.data.views import View
from ganforge.interfaces import Batch, Count
from ganforge.randomness import derived_generator, derived_seed

T = TypeVar("T")
MOST_ROUNDS = 8
"""In one training step."""


class ShuffledStream:
    """An endless concatenation of permutations of `length` items; any stretch is a pure function of (seed, place)."""

    def __init__(self, length: int, seed: int, device: torch.device | None = None) -> None:
        self.length = length
        self.seed = seed
        self.device = device
        self._epoch, self._permutation = -1, torch.empty(0, dtype=torch.long)

    def take(self, start: int, count: int) -> Tensor:
        """The item numbers at places start .. start + count - 1."""
        parts = []
        while count:
            epoch, offset = divmod(start, self.length)
            parts.append(self._epoch_order(epoch)[offset : offset + count])
            start += len(parts[-1])
            count -= len(parts[-1])
        return torch.cat(parts)

    def _epoch_order(self, epoch: int) -> Tensor:
        if epoch != self._epoch:
            generator = derived_generator("order", self.seed, epoch)
            self._epoch, self._permutation = epoch, torch.randperm(self.length, generator=generator).to(self.device)
        return self._permutation


class Showing:
    """A split in the order and the form in which training shows it to one rank: a function of (seed, rank, place).

    Images are drawn black or white (`binarize`), and half of them are mirrored (`flip`), each with its source; a
    `crop` cuts a square of so many pixels out of both, at one place.
    """

    def __init__(
        self,
        split: Batch,
        seed: int,
        rank: int,
        ranks: int,
        flip: bool,
        binarize: bool = False,
        crop: int | None = None,
    ) -> None:
        self.split, self.seed, self.rank, self.ranks = split, seed, rank, ranks
        self.flip, self.binarize, self.crop = flip, binarize, crop
        self.stream = ShuffledStream(len(split.images), seed, split.images.device)

    def at(self, place: int, turns: int, count: int) -> Batch:
        """This rank's share of each of `turns` batches, which are `count` images together."""
        everyone = self.stream.take(place, count).view(turns, self.ranks, -1)
        batch = self.split.at(everyone[:, self.rank].flatten())
        if self.crop is not None:
            batch = cropped(batch, self.crop, self._generator("crop", place))
        if self.binarize:
            batch = binarized(batch, self._generator("binarize", place))
        return mirrored(batch, self._generator("flip", place)) if self.flip else batch

    def _generator(self, purpose: str, place: int) -> torch.Generator:
        return derived_generator(purpose, self.seed, self.rank, place)


class RoundLoader:
    """Endless steps for one rank from a given place in the stream; a step is a list of rounds.

    A round is one batch with the real images of all its turns: `turns` global batches of `batch_size` images, of each
    of which this rank gets an equal share. A step ends where the clock passes a multiple of one of `pauses`, at which
    a callback is due, and after `MOST_ROUNDS`: a framework around the training step then costs little.

    Batches that begin at a place are `multiple` of it times as large.

    Sources are the counterparts of the images, in `split` or by `view`. With `unpaired` they are its images, or the
    view of these, in an order of their own. So are those of `labelled`, as many as there are images, over and over.
    """

    def __init__(
        self,
        split: Batch,
        batch_size: int,
        turns: int,
        start: int,
        seed: int,
        rank: int,
        ranks: int,
        flip: bool,
        pauses: Sequence[int] = (),
        binarize: bool = False,
        crop: int | None = None,
        view: View | None = None,
        unpaired: Batch | None = None,
        multiple: Callable[[int], int] = lambda _: 1,
        labelled: Batch | None = None,
    ) -> None:
        self.turns, self.images_per_round, self.multiple = turns, turns * batch_size, multiple
        self.start, self.pauses, self.view = start, pauses, view
        self.shown = Showing(split, seed, rank, ranks, flip, binarize, crop)
        self.unpaired = None
        if unpaired is not None:
            own, drawn = derived_seed("sources", seed), binarize and view is not None
            self.unpaired = Showing(unpaired, own, rank, ranks, flip, drawn, crop)
        self.labelled = None
        if labelled is not None:
            self.labelled = Showing(labelled, derived_seed("labelled", seed), rank, ranks, flip, binarize, crop)

    def __iter__(self) -> Iterator[list[Batch]]:
        place = self.start
        while True:
            pause = min(((place // every + 1) * every for every in self.pauses), default=math.inf)
            step: list[Batch] = []
            while place < pause and len(step) < MOST_ROUNDS:
                count = self.multiple(place) * self.images_per_round
                step.append(self._round(place, count))
                place += count
            yield step

    def _round(self, place: int, count: int) -> Batch:
        batch = self.shown.at(place, self.turns, count)
        if self.labelled is not None:
            return batch._replace(labelled=self.labelled.at(place, self.turns, count))
        if self.unpaired is not None:
            other = self.unpaired.at(place, self.turns, count).images
            return batch._replace(sources=other if self.view is None else self.view(other))
        return batch if self.view is None else batch._replace(sources=self.view(batch.images))


def mirrored(batch: Batch, generator: torch.Generator) -> Batch:
    """Half of the images mirrored, each with its source."""
    chosen = torch.rand(len(batch.images), 1, 1, 1, generator=generator) < 0.5
    chosen = chosen.to(batch.images.device, non_blocking=True)
    return alike(batch, lambda images: torch.where(chosen, images.flip(-1), images))


def cropped(batch: Batch, size: int, generator: torch.Generator) -> Batch:
    """A square of `size` x `size` pixels out of each image, anywhere, and the same out of its source."""
    room = batch.images.shape[-1] - size
    corners = torch.randint(room + 1, (len(batch.images), 2), generator=generator).tolist()

    def cut(images: Tensor) -> Tensor:
        squares = zip(images, corners, strict=True)
        return torch.stack([image[:, top : top + size, left : left + size] for image, (top, left) in squares])

    return alike(batch, cut)


def centred(batch: Batch, size: int) -> Batch:
    """The middle of the images and of their sources, as views."""
    start = (batch.images.shape[-1] - size) // 2
    return alike(batch, lambda images: images[..., start : start + size, start : start + size])


def alike(batch: Batch, change: Callable[[Tensor], Tensor]) -> Batch:
    """The same done to the images and to their sources."""
    sources = None if batch.sources is None else change(batch.sources)
    return batch._replace(images=change(batch.images), sources=sources)


def binarized(batch: Batch, generator: torch.Generator) -> Batch:
    """uint8 images whose pixels are 255 with probability value / 255, else 0, in blocks."""
    blocks = batch.images.split(10_000)
    chances = (torch.rand(block.shape, generator=generator).mul_(255).to(block.device) for block in blocks)
    return batch._replace(
        images=torch.cat([(chance < block).byte() * 255 for chance, block in zip(chances, blocks, strict=True)])
    )


def resized(images: Tensor, size: int) -> Tensor:
    """uint8 images (B, C, H, W) at size x size, by antialiased bilinear interpolation in blocks."""
    if images.shape[-2:] == (size, size):
        return images
    blocks = [
        F.interpolate(block.float(), (size, size), mode="bilinear", antialias=True).round().clamp(0, 255).byte()
        for block in images.split(1000)
    ]
    return torch.cat(blocks)


class InMemoryData(LightningDataModule):
    """Training and held-out splits as uint8 tensors (N, C, H, W), batched by index and normalised on the device.

    `image_size`, `channels`, `num_classes` and `source_channels` describe what the networks see; None is filled in by
    `load_splits`. `batch_size` is the images in one turn over all ranks. The order of training images depends on
    the run's seed; what is held out never does, so that scores compare across seeds.

    With `binarize` pixels are drawn black or white, white as often as they are bright: "static" once for each image
    (Salakhutdinov and Murray 2008), "dynamic" whenever a training image is shown (Burda et al. 2016, section 5). Images
    that are held out are drawn once.

    What a translation starts from is stored beside the images (`own_sources`), or is a `view` of them: made once of
    those that are held out, and of training images whenever they are shown. `held_out_sources` are those pictures
    with their labels, in the order of the held-out images where each has its own; `train_sources` only where they are
    stored apart.

    With `normal`, a class or some, all others are left out of both splits: what is held out of them are the
    `held_out_anomalies`. `held_out_identities` (N,) are numbers: of held-out images with the same one, each is the
    counterpart of the others in its own class.

    With `jitter` training images are loaded so many pixels larger and cut to their size anywhere when they are shown
    (Isola et al. 2017, appendix 6.2); `train_split` and `train_sources` are then their centres.

    A system that needs labels is shown those of `labels` training images, as many of each class, which `labels_seed`
    alone chooses (`chosen`, their places); None shows those of all. `class_names` are what the data calls its classes.
    """

    name: str
    split_name: str
    """Which images are held out, in words, for the stamp of a score."""
    kind: Literal["images", "points"] = "images"
    why_unlabelled = ""
    """Why there are no labels, where there nearly were: the end of a message that says so."""
    own_sources: ClassVar[frozenset[str]] = frozenset()
    """What is given without a view: "sources", and "pairs" where each image has its own."""
    jitter = 0
    class_names: tuple[str, ...] | None = None

    def __init__(
        self,
        image_size: int | None,
        channels: int | None,
        num_classes: int | None,
        batch_size: int,
        seed: int,
        flip: bool,
        binarize: Literal["static", "dynamic"] | None = None,
        view: View | None = None,
        source_channels: int | None = None,
        labels: Count | None = None,
        labels_seed: int = 0,
        normal: int | list[int] | None = None,
    ) -> None:
        super().__init__()
        if batch_size < 1:
            raise ValueError(f"data.batch_size must be at least 1, got {batch_size}")
        if image_size is not None and image_size < 1:
            raise ValueError(f"data.image_size must be at least 1, got {image_size}")
        self.image_size, self.channels, self.num_classes = image_size, channels, num_classes
        self.batch_size, self.seed, self.flip, self.binarize = batch_size, seed, flip, binarize
        self.view, self.source_channels = view, source_channels
        self.labels, self.labels_seed = labels, labels_seed
        self.normal = [normal] if isinstance(normal, int) else normal
        if self.normal is not None and len(self.normal) == 1:
            self.why_unlabelled = f": data.normal={normal} leaves one class"
        if view is not None and image_size is not None:
            view.refuse_size(image_size)
        if view is not None and channels is not None and source_channels is None:
            self.source_channels = view.channels(channels)
        self.train_split: Batch
        self.held_out_split: Batch
        self.train_sources: Batch | None = None
        self.held_out_sources: Batch | None = None
        self.chosen: Tensor | None = None
        self.held_out_anomalies: Batch | None = None
        self.held_out_identities: Tensor | None = None

    @property
    def gives(self) -> frozenset[str]:
        """What parts of a run may need of the data; labels also while it is not known whether there are any."""
        unlabelled = self.num_classes is None and hasattr(self, "train_split")
        unlabelled |= self.normal is not None and len(self.normal) == 1
        sources = self.own_sources if self.view is None else {"sources", "pairs"}
        smaller = {"smaller sources"} if self.view is not None and self.view.scale > 1 else set()
        return frozenset({self.kind} if unlabelled else {self.kind, "labels"}) | sources | smaller

    @abstractmethod
    def load(self) -> tuple[Batch, Batch]:
        """The training and the held-out images; ValueError says which file is missing or broken.

        Sources that are stored apart become `train_sources` and `held_out_sources`.
        """

    def load_splits(self) -> None:
        """Read the data once, before any network is built, and refuse batches that it cannot fill."""
        self.train_split, self.held_out_split = self.load()
        labels = self.train_split.labels
        if self.normal is not None:
            self._keep_normal(self.normal)
        images = self.train_split.images
        if self.batch_size > len(images):
            raise ValueError(
                f"data.batch_size={self.batch_size} is larger than the training data: {self.name} has "
                f"{len(images)} images"
            )
        if self.binarize is not None:
            self._binarize()
        if self.view is not None:
            self._look_from(self.view)
        self._describe("channels", images.shape[1])
        self._describe("image_size", self.held_out_split.images.shape[-1])
        self._describe("num_classes", None if labels is None else int(labels.max()) + 1)
        if self.held_out_split.sources is not None:
            self.held_out_sources = Batch(self.held_out_split.sources, self.held_out_split.labels)
        sources = self.held_out_sources
        self._describe("source_channels", None if sources is None else sources.images.shape[1])
        self.stored, self.stored_sources = self.train_split, self.train_sources
        if labels is not None and self.labels is not None:
            self.chosen = balanced(labels, self.labels, self.labels_seed)
        if self.jitter:
            assert self.image_size is not None
            self.train_split = centred(self.stored, self.image_size)
            self.train_sources = self.stored_sources and centred(self.stored_sources, self.image_size)

    def _keep_normal(self, normal: list[int]) -> None:
        """Both splits without the images of other classes; those that are held out become `held_out_anomalies`."""
        train, held_out = self.train_split, self.held_out_split
        if train.labels is None or held_out.labels is None:
            raise ValueError(f"data.normal={normal} names classes, and {self.name} has no labels: leave it out")
        known = train.labels.unique().tolist()
        if not set(normal) < set(known) or not normal:
            raise ValueError(
                f"data.normal={normal} should name some of the classes of {self.name}, and not all: {known}"
            )
        chosen = torch.tensor(normal)
        is_normal = torch.isin(held_out.labels, chosen)
        self.train_split = train.at(torch.isin(train.labels, chosen))
        self.held_out_split, self.held_out_anomalies = held_out.at(is_normal), held_out.at(~is_normal)
        word = "class" if len(normal) == 1 else "classes"
        self.split_name = f"{word} {', '.join(map(str, normal))} in {self.split_name}"

    def _binarize(self) -> None:
        """What is drawn once depends on nothing but the images."""
        if self.kind != "images":
            raise ValueError(f"data.binarize={self.binarize} is for images, and {self.name} has {self.kind}")
        self.held_out_split = binarized(self.held_out_split, derived_generator("binarize held out"))
        if self.held_out_anomalies is not None:
            self.held_out_anomalies = binarized(self.held_out_anomalies, derived_generator("binarize anomalies"))
        if self.binarize == "static":
            self.train_split = binarized(self.train_split, derived_generator("binarize"))

    def _look_from(self, view: View) -> None:
        images = self.held_out_split.images
        view.channels(images.shape[1])
        view.refuse_size(images.shape[-1])
        self.held_out_split = self.held_out_split._replace(sources=view.of_many(images))

    def _describe(self, fact: str, actual: int | None) -> None:
        """Fill in what the configuration left open, and refuse what it says wrongly."""
        stated = getattr(self, fact)
        if stated not in (None, actual):
            why = self.why_unlabelled if fact == "num_classes" else ""
            found = f"none{why}" if actual is None else actual
            raise ValueError(f"data.{fact}={stated}, but {self.name} has {found}")
        setattr(self, fact, actual)

    def train_dataloader(self) -> RoundLoader:
        assert self.trainer is not None
        trainer: Any = self.trainer
        system = trainer.lightning_module
        return RoundLoader(
            **self._shown(system.needs, system.device),
            batch_size=self.batch_size,
            turns=system.batches_per_round,
            start=system.progress.images_seen,
            seed=self.seed,
            rank=trainer.global_rank,
            ranks=trainer.world_size,
            flip=self.flip,
            pauses=[callback.every for callback in trainer.callbacks if hasattr(callback, "every")],
            binarize=self.binarize == "dynamic",
            crop=self.image_size if self.jitter else None,
            multiple=system.batch_multiple,
        )

    def _shown(self, needs: frozenset[str], device: torch.device) -> dict[str, Any]:
        """The images, and what a system needs beside them: pairs; sources in an order of their own; labelled images."""
        if "pairs" in needs:
            return {"split": resident(self.stored, device), "view": self.view}
        split = resident(self.stored._replace(sources=None), device)
        if "labelled" in needs:
            labelled = split if self.chosen is None else resident(self.stored.at(self.chosen), device)
            return {"split": split._replace(labels=None), "labelled": labelled}
        if "sources" not in needs:
            return {"split": split}
        if self.view is not None:
            return {"split": split, "view": self.view, "unpaired": Batch(split.images)}
        sources = self.stored.sources if self.stored_sources is None else self.stored_sources.images
        assert sources is not None
        return {"split": split, "unpaired": resident(Batch(sources), device)}


def resident(split: Batch, device: torch.device) -> Batch:
    """The images on a CUDA device if they leave at least half of its free memory, so that no batch has to travel."""
    size = sum(images.nbytes for images in (split.images, split.sources) if images is not None)
    if device.type != "cuda" or size > torch.cuda.mem_get_info(device)[0] // 2:
        return split
    return split.on(device)


def held_out_order(count: int, fraction: float) -> Tensor:
    """A shuffle of `count` items whose tail of `fraction` is to be held out, the same whatever the run's seed."""
    if not 0 < fraction < 1:
        raise ValueError(f"data.held_out must be between 0 and 1, got {fraction}")
    return torch.randperm(count, generator=derived_generator("held out", count))


def hold_out(shuffled: Batch, fraction: float) -> tuple[Batch, Batch]:
    """The training and held-out parts of data in `held_out_order`, as views."""
    cut = first_held_out(len(shuffled.images), fraction)
    return shuffled.at(slice(cut)), shuffled.at(slice(cut, None))


def held_out_items(items: Sequence[T], fraction: float) -> tuple[list[T], list[T]]:
    """The same of items that are no tensor, such as files."""
    ordered = [items[number] for number in held_out_order(len(items), fraction).tolist()]
    cut = first_held_out(len(items), fraction)
    return ordered[:cut], ordered[cut:]


def first_held_out(count: int, fraction: float) -> int:
    """The place in `held_out_order` at which the held-out items begin."""
    return round(count * (1 - fraction))


def of_every_class(identities: int, classes: int) -> tuple[Tensor, Tensor]:
    """Numbers (N,) of things and of classes, in which each of N / `classes` things is there in every class.

    Neighbours are other things in other classes, so that the first of them show all classes.
    """
    numbers = torch.arange(identities).repeat(classes)
    rounds = torch.arange(classes).repeat_interleave(identities)
    return numbers, (numbers + rounds) % classes
