"""What the parts of ganforge expect of one another: batches, and protocols for losses, penalties and critics."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, NamedTuple, Protocol

import torch
from torch import Tensor, nn

Count = Annotated[int, "at least 1"]
"""The hint of an argument that a configuration may not set to less."""
Terms = dict[str, Tensor]
"""The named summands that a player minimises."""
Critic = Callable[[Tensor], Tensor]
"""The discriminator's logits as a function of images only: (B, C, H, W) -> one per image (or per patch)."""


class Batch(NamedTuple):
    """Real images (B, C, H, W), uint8 in memory and float in [-1, 1] on the device, and what is known of each.

    `labels` (B,) are classes; `sources` (B, C', H', W') are images, of the same range, that a translation starts from.
    Only where the data gives pairs is a source the counterpart of the image at its place. `labelled` are as many images
    again, of which each has its label, where `images` have none.
    """

    images: Tensor
    labels: Tensor | None = None
    sources: Tensor | None = None
    labelled: "Batch | None" = None

    def chunks(self, count: int) -> list["Batch"]:
        """`count` equal consecutive parts."""
        fields: list[Any] = [[None] * count if field is None else field.chunk(count) for field in self[:3]]
        fields.append([None] * count if self.labelled is None else self.labelled.chunks(count))
        return [Batch(*part) for part in zip(*fields, strict=True)]

    def at(self, index: Tensor | slice) -> "Batch":
        """Those of these places."""
        fields: list[Any] = [None if field is None else field[index] for field in self[:3]]
        return Batch(*fields)._replace(labelled=self.labelled and self.labelled.at(index))

    def on(self, device: torch.device) -> "Batch":
        fields: list[Any] = [None if field is None else field.to(device) for field in self[:3]]
        return Batch(*fields)._replace(labelled=self.labelled and self.labelled.on(device))

    def to_unit_range(self, dtype: torch.dtype) -> "Batch":
        sources = None if self.sources is None else to_unit_range(self.sources, dtype)
        labelled = self.labelled and self.labelled.to_unit_range(dtype)
        return self._replace(images=to_unit_range(self.images, dtype), sources=sources, labelled=labelled)


def to_unit_range(images: Tensor, dtype: torch.dtype) -> Tensor:
    """uint8 0..255 -> -1..1; floating-point images are in that range already."""
    if images.is_floating_point():
        return images.to(dtype)
    return images.float().div_(127.5).sub_(1).to(dtype)


class Inputs(NamedTuple):
    """What a generator starts from: it is called `generator(*inputs)`."""

    start: Tensor
    """Latents (B, D), or the images (B, C', H', W') that a translation starts from."""
    label: Tensor | None = None


class Drawn(NamedTuple):
    """Fakes (B, C, H, W), and what they were drawn from."""

    images: Tensor
    inputs: Inputs


@dataclass(frozen=True)
class Codes:
    """What the last `size` numbers of a latent are (Chen et al. 2016): one-hot vectors, then numbers in [-1, 1].

    `categorical` says how many values each of the former has, `continuous` how many of the latter there are.
    """

    categorical: Sequence[int] = ()
    continuous: int = 0

    def __post_init__(self) -> None:
        whole = all(type(number) is int for number in (*self.categorical, self.continuous))
        if not whole or any(values < 2 for values in self.categorical) or self.continuous < 0 or self.size == 0:
            raise ValueError(
                "model.latent.codes needs a code: numbers of values, each at least 2, in categorical, or a number of "
                f"dimensions in continuous, not {list(self.categorical)} and {self.continuous}"
            )

    @property
    def size(self) -> int:
        return sum(self.categorical) + self.continuous

    def split(self, codes: Tensor) -> tuple[Sequence[Tensor], Tensor]:
        """(B, size) -> (B, K) of each categorical code of K values, and (B, `continuous`)."""
        *categorical, continuous = codes.split([*self.categorical, self.continuous], 1)
        return categorical, continuous


class Verdict(NamedTuple):
    """What a discriminator says of images."""

    logits: Tensor
    """(B,), or (B, 1, h, w), one for each patch."""
    features: Tensor
    """(B, ...): what its last layer sees."""
    classes: Tensor | None = None
    """(B, K): logits of the classes, from a discriminator that also classifies."""
    codes: Tensor | None = None
    """(B, `Codes.size`): logits of each categorical code of the latent, and means of the continuous ones, from one that
    also recovers them."""


@dataclass(frozen=True)
class Turn:
    """What the terms of one player are about: one batch, and as many fakes."""

    batch: Batch
    drawn: Drawn
    """In a discriminator's turn without a gradient."""
    real: Callable[[], Verdict]
    """The verdict on the batch's images, computed once; in a generator's turn without a gradient."""
    fake: Callable[[], Verdict]
    """The same on the fakes."""
    judge: Callable[[Tensor], Verdict]
    """Image number i is taken for one of the batch's class i, and changed by `augment`."""
    generator: nn.Module
    discriminator: nn.Module
    images_seen: int = 0
    """The clock."""


@dataclass
class Progress:
    """How far a run has come: all that a checkpoint holds beside the weights and the optimizers' states.

    `images_seen` is the clock. `latest` has the latest value of every term, and logits and gradient norms of the
    round in which they were last measured. `scores` are those of the latest evaluation, made at `scored_at`.
    `callbacks_done` says whether everything that was due at this moment is done.
    """

    images_seen: int = 0
    latest: dict[str, Tensor] = field(default_factory=dict)
    scores: dict[str, float] = field(default_factory=dict)
    scored_at: int = 0
    callbacks_done: bool = True


class AdversarialLoss(Protocol):
    """Both players' objectives on raw logits; each returns a scalar to minimise."""

    def discriminator(self, real_logits: Tensor, fake_logits: Tensor) -> Tensor: ...

    def generator(self, real_logits: Callable[[], Tensor], fake_logits: Tensor) -> Tensor:
        """`real_logits` is called only by losses that compare real with fake (relativistic ones)."""
        ...


class Penalty(Protocol):
    """A regulariser of the discriminator.

    `per_sample` penalties differentiate the critic image by image, so batch statistics in it make them meaningless.
    `interval` is how many discriminator turns pass from one application to the next.
    """

    per_sample: bool
    interval: int
    weight: float

    def __call__(self, critic: Critic, real: Tensor, fake: Tensor) -> Tensor: ...


class Regularizer(Protocol):
    """Adds a term to what a player minimises; None where it adds nothing to this player.

    A module: what it remembers is in its buffers. Applied at every `interval`-th turn of a player, and
    then `interval` times as strongly.
    """

    interval: int
    weight: float
    needs: frozenset[str]
    """As of a `FeatureExtractor`."""

    def refuse(self, generator: nn.Module, discriminator: nn.Module) -> None:
        """ValueError where these players leave it no meaning."""
        ...

    def discriminator(self, turn: Turn) -> Tensor | None: ...

    def generator(self, turn: Turn) -> Tensor | None: ...


class Augmentation(Protocol):
    """Changes each image at random before the discriminator sees it, real, fake and under a penalty alike.

    A module: what it remembers is in its buffers. It must be differentiable twice. `reads_signs` says whether it takes
    a logit's sign for an opinion, which not every loss makes of it; `needs` is as of a `FeatureExtractor`; `scheduled`
    are its attributes that may follow a schedule.
    """

    needs: frozenset[str]

    @property
    def scheduled(self) -> frozenset[str]: ...

    @property
    def reads_signs(self) -> bool: ...

    def __call__(self, images: Tensor) -> Tensor: ...

    def adapt(self, real_logits: Tensor) -> Terms:
        """Called with those of every discriminator turn; what to show among the curves."""
        ...


class Constraint(Protocol):
    """Projects the discriminator's weights back onto the allowed set after each of its turns."""

    def __call__(self, module: nn.Module) -> None: ...


class FeatureExtractor(Protocol):
    """What a score looks at: uint8 images (B, C, H, W) -> features (B, D) and class logits (B, K), float32."""

    name: str
    needs: frozenset[str]
    """Of what the data gives: "images" or "points", and "labels"."""

    def prepare(self, train: "Batch", held_out: "Batch", cached: "Cached") -> None:
        """Prepare for this data; `cached(key, compute)` returns stored tensors or computes and stores them."""
        ...

    def describe(self) -> dict[str, str | float]:
        """What belongs in the stamp: at least `extractor`, a name with a hash of the weights."""
        ...

    def __call__(self, images: Tensor) -> tuple[Tensor, Tensor]: ...


class ContentExtractor(Protocol):
    """A network that is not trained, by whose features images are compared with their true counterparts.

    `name`, `needs`, `prepare` and `describe` are those of a `FeatureExtractor`.
    """

    name: str
    needs: frozenset[str]

    @property
    def layers(self) -> nn.Sequential:
        """From images (B, C, H, W) in [-1, 1] on, once it is prepared."""
        ...

    def prepare(self, train: "Batch", held_out: "Batch", cached: "Cached") -> None: ...

    def describe(self) -> dict[str, str | float]: ...


Cached = Callable[[str, Callable[[], dict[str, Tensor]]], dict[str, Tensor]]
