"""Scores of generated images against real ones, with the stamp that says what they measured."""

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor
from torchmetrics import Metric, MetricCollection

from ganforge.artifacts.images import to_uint8
from ganforge.artifacts.tensors import Cache
from ganforge.data.module import InMemoryData
from ganforge.interfaces import FeatureExtractor, Inputs
from ganforge.metrics.features import Features
from ganforge.metrics.fingerprint import fingerprint
from ganforge.randomness import derived_generator, derived_seed
from ganforge.sampling.sampler import Sampler
from ganforge.sampling.standing import BATCHES, IMAGES, batch_norms, with_standing_statistics
from ganforge.scoring.drawing import Drawing
from ganforge.scoring.translation import DomainTranslation, Translation

BLOCK = 250
Statistics = Literal["running", "standing"]


def refuse_statistics(statistics: Statistics, sampler: Sampler) -> None:
    """ValueError where "standing" ones are asked for, and there are no latents to draw, or no batch norms."""
    if statistics == "running":
        return
    if sampler.latent is None:
        raise ValueError("metrics.statistics=standing is for generators from latents: use running")
    batch_norms(sampler.network)


def never() -> bool:
    return False


class Evaluator:
    """Scores `images` fakes from latents that depend on `seed` alone, or from held-out sources, if there are as many.

    They are compared with the split `reference`. As many real images of the other split are scored in the same way:
    what a perfect generator would get, which no FID of a finite set puts at zero; whether images are of their class is
    asked of held-out ones, which the extractor has not learned from. Sources are scored in the place of their
    translations as well. With `statistics` "standing", batch norms have those of latents like those of the fakes,
    not those of training. `scores` are built with the reference's `Features` and fed with `features=` and
    `logits=`.
    """

    def __init__(
        self,
        extractor: FeatureExtractor,
        scores: Mapping[str, Callable[[Features], Metric]],
        images: int,
        seed: int,
        sample_from: Literal["ema", "live"],
        monitor: str,
        cache: str,
        reference: Literal["held_out", "train"] = "held_out",
        statistics: Statistics = "running",
    ) -> None:
        if images < 10:
            raise ValueError(f"metrics.images must be at least 10 for scores to mean anything, got {images}")
        self.extractor, self.score_factories = extractor, dict(scores)
        self.images, self.seed, self.sample_from = images, seed, sample_from
        self.monitor, self.reference, self.statistics = monitor, reference, statistics
        self.cache = Cache(Path(cache))
        self.drawing: Drawing | None = None
        self.translation: Translation | None = None

    def prepare(self, data: InMemoryData, device: torch.device, sampler: Sampler | None = None) -> None:
        """Get the extractor ready, and score the real images; all of it comes from the cache the second time.

        Of what `sampler` draws is also asked whether it is what was asked for.
        """
        self.extractor.prepare(data.train_split, data.held_out_split, self.cache)
        reference, comparison = data.held_out_split, data.train_split
        if self.reference == "train":
            reference, comparison = comparison, reference
        if data.held_out_sources is not None:
            self.translation = Translation(data, self.extractor, self.images)
        elif sampler is not None and sampler.latent is None:
            self.translation = DomainTranslation(data, self.extractor, self.images)
        if self.translation is not None:
            self.images = len(self.translation.sources)
        self.stamp = self._stamp(data, reference.images)
        real = self._real_features(reference.images, device)
        self.collection = MetricCollection({name: make(real) for name, make in self.score_factories.items()})
        for metric in self.collection.values():
            metric.distributed_available_fn = never  # this rank has all features already
        compared = comparison.at(slice(self.images))
        self.real_count = len(compared.images)
        likely = self._real_features(compared.images, device)
        self.real_scores = self.score(likely)
        if sampler is not None and sampler.latent is not None:
            self.drawing = Drawing(sampler, self.extractor, self.images, self.seed, data.train_split.labels)
        logits, labels = real.logits, reference.labels
        if self.reference == "train":
            logits, labels = likely.logits, compared.labels
        for asked in (self.drawing, self.translation):
            self.real_scores |= {} if asked is None else asked.scores_of_real(logits, labels)
        self.copied_scores = {}
        if self.translation is not None:
            copies, numbers = self.translation.copies(reference.images.shape[1]), self.numbers()
            self.copied_scores = self.score(self.features((copies[some].to(device) for some in numbers), numbers))
        scores = self.copied_scores or self.real_scores
        if self.monitor not in scores:
            raise ValueError(f"metrics.monitor={self.monitor} is not one of the scores: {', '.join(scores)}")

    def _stamp(self, data: InMemoryData, real: Tensor) -> dict[str, Any]:
        return {
            **self.extractor.describe(),
            "data": f"{data.name}:{fingerprint(real)}",
            "split": data.split_name if self.reference == "held_out" else f"training split of {data.name}",
            "real_images": len(real),
            "fake_images": self.images,
            "image_size": real.shape[-1],
            "weights": self.sample_from,
            **({"statistics": self.statistics} if self.statistics == "standing" else {}),
            "seed": self.seed,
            **({} if self.translation is None else self.translation.stamp),
            **self._settings(),
            "versions": {name: version(name) for name in ("ganforge", "torch", "torchmetrics")},
        }

    def _settings(self) -> dict[str, float | str]:
        """Plain arguments of the scores, such as the `k` of precision and recall."""
        return {
            f"{name}_{key}": value
            for name, make in self.score_factories.items()
            for key, value in getattr(make, "keywords", {}).items()
            if isinstance(value, int | float | str)
        }

    def _real_features(self, images: Tensor, device: torch.device) -> Features:
        """Computed once for these images and this extractor, then read from the cache."""

        def compute() -> dict[str, Tensor]:
            real = self.features(block.to(device) for block in images.split(BLOCK))
            return {"features": real.features, "logits": real.logits}

        tensors = self.cache(f"real-{fingerprint(images, self.stamp['extractor'])}", compute)
        return Features(tensors["features"], tensors["logits"])

    def features(self, blocks: Iterable[Tensor], numbers: Iterable[Tensor] | None = None) -> Features:
        """What the extractor says of blocks of uint8 images, gathered in main memory; translations have `numbers`."""
        found = []
        for block, some in zip(blocks, itertools.repeat(None) if numbers is None else numbers, strict=False):
            of_block = Features(*self.extractor(block))
            if self.translation is not None and some is not None and self.translation.names:
                of_block = of_block._replace(agreement=self.translation.agreement(block, of_block.logits, some))
            found.append([part.cpu() for part in of_block if part is not None])
        return Features(*map(torch.cat, zip(*found, strict=True)))

    def numbers(self, rank: int = 0, ranks: int = 1) -> Sequence[Tensor]:
        """Of this rank's share of the fakes, in blocks; shares are equal, if need be by drawing a few twice."""
        return (torch.arange(-(-self.images // ranks) * ranks) % self.images)[rank::ranks].split(BLOCK)

    def fakes(self, sampler: Sampler, numbers: Iterable[Tensor]) -> Iterable[Tensor]:
        """The fakes of these numbers, uint8, in blocks; what a network itself draws depends on `seed` as well."""
        torch.manual_seed(derived_seed("evaluation", self.seed))
        if self.statistics == "standing":
            sampler = self._standing(sampler)
        inputs = self._drawn_inputs() if self.translation is None else self.translation.inputs
        for some in numbers:
            yield to_uint8(sampler.images(inputs(some)))

    def _standing(self, sampler: Sampler) -> Sampler:
        assert self.drawing is not None
        generator = derived_generator("standing", self.seed)
        batches = [self.drawing.inputs(generator, IMAGES) for _ in range(BATCHES)]
        return Sampler(with_standing_statistics(sampler.network, batches), sampler.latent)

    def _drawn_inputs(self) -> Callable[[Tensor], Inputs]:
        assert self.drawing is not None, "prepare() takes what is to be scored"
        latents, labels = self.drawing.all_inputs()
        return lambda some: Inputs(latents[some], None if labels is None else labels[some])

    def score(self, fake: Features) -> dict[str, float]:
        """Every score by its full name, e.g. `fid_classifier`, the monitored one first."""
        self.collection.reset()
        self.collection.update(features=fake.features, logits=fake.logits)
        scores = {f"{name}_{self.extractor.name}": value.item() for name, value in self.collection.compute().items()}
        if self.translation is not None and fake.agreement is not None:
            means = fake.agreement.double().mean(0).tolist()
            scores |= dict(zip(self.translation.names, means, strict=True))
        if self.drawing is not None:
            scores |= self.drawing.scores(fake.logits)
        return dict(sorted(scores.items(), key=lambda score: score[0] != self.monitor))

    def record(self, images_seen: int, scores: dict[str, float]) -> dict[str, Any]:
        """A line of `metrics.jsonl`."""
        real = {"images": self.real_count, "scores": self.real_scores}
        copied = {"copied": {"images": self.images, "scores": self.copied_scores}} if self.copied_scores else {}
        return {"images_seen": images_seen, "scores": scores, "real": real, **copied, "stamp": self.stamp}
