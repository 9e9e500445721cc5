"""Scores of the averaged generator against held-out images, with the stamp that says what they measured."""

from collections.abc import Callable, Iterable, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

import torch
from lightning import Trainer
from torch import Tensor
from torchmetrics import Metric, MetricCollection

from ganforge.artifacts.images import to_uint8
from ganforge.artifacts.records import append_line
from ganforge.artifacts.tensors import Cache
from ganforge.callbacks.clock import Periodic
from ganforge.data.module import InMemoryData
from ganforge.interfaces import FeatureExtractor
from ganforge.metrics.features import Features
from ganforge.metrics.fingerprint import fingerprint
from ganforge.randomness import derived_generator
from ganforge.systems.gan import GANModule

BLOCK = 250


def never() -> bool:
    return False


class Evaluation(Periodic):
    """Draws `images` fakes from latents that depend on `seed` alone and appends their scores to `metrics.jsonl`.

    Before training it scores as many real training images in the same way: what a perfect generator would get, which
    no FID of a finite set puts at zero. `scores` are built with the real held-out `Features` and fed with
    `features=` and `logits=`. Every rank draws its share of the fakes; rank 0 scores them together.
    """

    def __init__(
        self,
        every: int,
        extractor: FeatureExtractor,
        scores: Mapping[str, Callable[[Features], Metric]],
        images: int,
        seed: int,
        sample_from: Literal["ema", "live"],
        monitor: str,
        run_folder: str,
        cache: str,
    ) -> None:
        super().__init__(every)
        if images < 10:
            raise ValueError(f"metrics.images must be at least 10 for scores to mean anything, got {images}")
        self.extractor, self.score_factories = extractor, dict(scores)
        self.images, self.seed, self.sample_from = images, seed, sample_from
        self.monitor = monitor
        self.records = Path(run_folder) / "metrics.jsonl"
        self.cache = Cache(Path(cache))

    def on_fit_start(self, trainer: Trainer, module: GANModule) -> None:
        super().on_fit_start(trainer, module)
        if trainer.is_global_zero:
            self._learn_the_real(trainer.datamodule, module.device)
        trainer.strategy.barrier()
        if not trainer.is_global_zero:
            self._learn_the_real(trainer.datamodule, module.device)
        if self.monitor not in self.real_scores:
            names = ", ".join(self.real_scores)
            raise ValueError(f"metrics.monitor={self.monitor} is not one of the scores: {names}")

    def _learn_the_real(self, data: InMemoryData, device: torch.device) -> None:
        """Prepare the extractor, the scores against the held-out images, and what training images score."""
        self.extractor.prepare(data.train_split, data.held_out_split, self.cache)
        self.stamp = self._stamp(data)
        real = self._real_features(data.held_out_split.images, device)
        self.collection = MetricCollection({name: make(real) for name, make in self.score_factories.items()})
        for metric in self.collection.values():
            metric.distributed_available_fn = never  # this rank has all features already
        comparison = data.train_split.images[: self.images]
        self.real_count = len(comparison)
        self.real_scores = self.score(self._real_features(comparison, device))

    def _stamp(self, data: InMemoryData) -> dict[str, Any]:
        held_out = data.held_out_split.images
        return {
            **self.extractor.describe(),
            "data": f"{data.name}:{fingerprint(held_out)}",
            "split": data.split_name,
            "real_images": len(held_out),
            "fake_images": self.images,
            "image_size": held_out.shape[-1],
            "weights": self.sample_from,
            "seed": self.seed,
            "versions": {name: version(name) for name in ("ganforge", "torch", "torchmetrics")},
        }

    def _real_features(self, images: Tensor, device: torch.device) -> Features:
        """Computed once for these images and this extractor, then read from the cache."""

        def compute() -> dict[str, Tensor]:
            features, logits = self.features(block.to(device) for block in images.split(BLOCK))
            return {"features": features, "logits": logits}

        tensors = self.cache(f"real-{fingerprint(images, self.stamp['extractor'])}", compute)
        return Features(tensors["features"], tensors["logits"])

    def features(self, blocks: Iterable[Tensor]) -> tuple[Tensor, Tensor]:
        """What the extractor says of blocks of uint8 images, gathered in main memory."""
        pairs = [self.extractor(block) for block in blocks]
        return torch.cat([features.cpu() for features, _ in pairs]), torch.cat([logits.cpu() for _, logits in pairs])

    def score(self, fake: Features) -> dict[str, float]:
        """Every score by its full name, e.g. `fid_classifier`, the monitored one first."""
        self.collection.reset()
        self.collection.update(features=fake.features, logits=fake.logits)
        scores = {f"{name}_{self.extractor.name}": value.item() for name, value in self.collection.compute().items()}
        return dict(sorted(scores.items(), key=lambda score: score[0] != self.monitor))

    def due(self, trainer: Trainer, module: GANModule) -> None:
        features, logits = self._fakes(trainer, module)
        scores = self.score(Features(features, logits)) if trainer.is_global_zero else {}
        module.scores = trainer.strategy.broadcast(scores)
        for logger in trainer.loggers:
            logger.log_metrics({f"scores/{name}": value for name, value in scores.items()}, module.images_seen)
        if trainer.is_global_zero:
            append_line(
                self.records,
                {
                    "images_seen": module.images_seen,
                    "scores": module.scores,
                    "real": {"images": self.real_count, "scores": self.real_scores},
                    "stamp": self.stamp,
                },
            )

    def _fakes(self, trainer: Trainer, module: GANModule) -> tuple[Tensor, Tensor]:
        """Features and logits of all fakes on every rank, in the order of their latents."""
        ranks, rank = trainer.world_size, trainer.global_rank
        latents = module.latent.sample(self.images, generator=derived_generator("evaluation", self.seed))
        padded = latents[torch.arange(-(-self.images // ranks) * ranks) % self.images]
        mine = padded[rank::ranks]
        features, logits = self.features(
            to_uint8(module.images_from(block, self.sample_from)) for block in mine.split(BLOCK)
        )
        if ranks > 1:
            features, logits = (
                trainer.strategy.all_gather(tensor.to(module.device)).transpose(0, 1).flatten(0, 1)[: self.images].cpu()
                for tensor in (features, logits)
            )
        return features, logits
