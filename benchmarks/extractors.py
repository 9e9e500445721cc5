"""Do scores without labels rank runs as the classifier's do, and do they rise with faults that are known?

usage: OMP_NUM_THREADS=1 python benchmarks/extractors.py [WORD ...] [--others WORDS] [--only NAME ...] [--json FILE]

Words are overrides of `python src/train.py` that name labelled data, such as data=mnist data.image_size=16. All RUNS
are trained once, their fakes at four moments are kept in paths.cache, and every extractor scores the same ones against
the same held-out images. Shown are rank correlations with the classifier's scores, then FIDs of spoilt real images.
"""

import argparse
import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from hydra import compose, initialize_config_dir
from lightning import Trainer
from omegaconf import DictConfig
from pretexts import PRETEXTS
from scipy.stats import kendalltau, spearmanr
from torch import Tensor
from torchvision.transforms.functional import gaussian_blur

from ganforge.artifacts.tensors import Cache
from ganforge.callbacks.clock import Periodic
from ganforge.configuration.build import build, create, load
from ganforge.data.module import InMemoryData, resized
from ganforge.interfaces import Batch
from ganforge.metrics.classifier import ClassifierExtractor
from ganforge.metrics.fingerprint import fingerprint
from ganforge.process.quiet import quiet
from ganforge.scoring.drawing import Drawing
from ganforge.scoring.evaluator import BLOCK, Evaluator
from ganforge.systems.gan import GANModule

ROOT = Path(__file__).resolve().parents[1]
IMAGES = 2000
"""Fakes, and held-out images at most."""
MOMENTS = 4
RUNS = [
    "loss=r1 images=5_000",
    "loss=r1 images=10_000",
    "loss=r1 images=20_000",
    "loss=r1 images=20_000 seed=1",
    "loss=r1 images=40_000",
    "loss=r1 images=40_000 seed=1",
    "loss=r1 images=40_000 optimizer.generator.lr=1e-4 optimizer.discriminator.lr=1e-4",
    "loss=r1 images=40_000 model.generator.width=8",
    "loss=r1 images=30_000 condition=projection",
    "loss=hinge images=20_000",
    "loss=lsgan images=20_000",
    "loss=relativistic images=20_000",
    "loss=wgan_gp images=40_000",
    "loss=wgan images=40_000",
    "loss=hinge model=mlp images=20_000",
    "loss=r1 model=mlp images=40_000",
]
"""From hardly begun to good, some that differ in the seed only, and some that fail in a manner of their own."""
SCORES = ("fid", "precision", "recall", "density", "coverage")
EXTRACTORS = {"classifier": ClassifierExtractor, **PRETEXTS}


class Fakes(Periodic):
    """What the averaged generator draws at each moment, as uint8, by images seen."""

    def __init__(self, every: int, evaluator: Evaluator) -> None:
        super().__init__(every)
        self.evaluator, self.drawn = evaluator, dict[str, Tensor]()

    def due(self, trainer: Trainer, module: GANModule) -> None:
        evaluator, sampler = self.evaluator, module.sampler(self.evaluator.sample_from)
        evaluator.drawing = Drawing(sampler, evaluator.extractor, evaluator.images, evaluator.seed, None)
        fakes = evaluator.fakes(sampler, evaluator.numbers())
        self.drawn[str(module.progress.images_seen)] = torch.cat(list(fakes))


def composed(words: list[str], folder: str) -> DictConfig:
    os.environ.setdefault("PROJECT_ROOT", str(ROOT))
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        config = compose("train", ["logger=none", "callbacks.progress.show=false", *words])
    config.paths.run = folder
    return config


def train(words: list[str], evaluator: Evaluator) -> dict[str, Tensor]:
    """The fakes of a run at its moments."""
    with tempfile.TemporaryDirectory() as home:
        experiment = build(composed(["metrics=none", *words], home))
        watching = Fakes(experiment.config.images // MOMENTS, evaluator)
        experiment.trainer.callbacks.append(watching)
        experiment.fit()
    return watching.drawn


def labelled_data(config: DictConfig) -> InMemoryData:
    """The data with at most IMAGES held out."""
    data: InMemoryData = create(config.data, "data")
    load(data, config)
    data.held_out_split = some(data.held_out_split)
    return data


def some(split: Batch) -> Batch:
    """At most IMAGES, chosen at random: MNIST's test set begins with other writers than it ends with."""
    assert split.labels is not None
    index = torch.randperm(len(split.images), generator=torch.Generator().manual_seed(0))[:IMAGES]
    return Batch(split.images[index], split.labels[index])


def evaluator_with(kind: Any, config: DictConfig) -> Evaluator:
    scores = create(config.metrics.scores, "metrics.scores")
    wanted = {name: scores[name] for name in ("fid", "pr", "dc")}
    extractor = kind()
    return Evaluator(extractor, wanted, IMAGES, 0, "ema", f"fid_{extractor.name}", config.paths.cache)


def scored(evaluator: Evaluator, images: Tensor) -> dict[str, float]:
    scores = evaluator.score(evaluator.features(images.split(BLOCK)))
    return {name: scores[f"{name}_{evaluator.extractor.name}"] for name in SCORES}


def faults(real: Batch, others: Tensor) -> Iterator[tuple[str, dict[float, Tensor]]]:
    """Real images spoilt ever more, by what and how much."""
    images, labels = real
    assert labels is not None
    count, generator = len(images), torch.Generator().manual_seed(0)
    noise, every = torch.randn(images.shape, generator=generator), torch.arange(count)
    yield "noise", {level: (images + level * noise).round().clamp(0, 255).byte() for level in (8, 16, 32, 64)}
    yield "blur", {sigma: gaussian_blur(images, [9, 9], [sigma, sigma]) for sigma in (0.4, 0.6, 0.8, 1.2)}
    yield "contrast lost", {lost: (127.5 + (1 - lost) * (images - 127.5)).byte() for lost in (0.05, 0.1, 0.2, 0.4)}
    yield (
        "another set",
        {
            share: torch.cat([images[round(share * count) :], others[: round(share * count)]])
            for share in (0.02, 0.05, 0.1, 0.25)
        },
    )
    yield "images repeated", {times: images[every % (count // times)] for times in (2, 5, 10, 20)}
    left = {dropped: images[labels >= dropped] for dropped in (1, 2, 3, 5)}
    yield "classes dropped", {dropped: rest[every % len(rest)] for dropped, rest in left.items()}


def judged(kind: Any, config: DictConfig, data: InMemoryData, runs: dict, others: Tensor) -> dict[str, Any]:
    """Everything that an extractor says."""
    evaluator = evaluator_with(kind, config)
    evaluator.prepare(data, torch.device("cpu"))
    real = some(data.train_split)
    return {
        "stamp": evaluator.extractor.describe(),
        "real": scored(evaluator, real.images),
        "runs": {run: {at: scored(evaluator, drawn) for at, drawn in fakes.items()} for run, fakes in runs.items()},
        "faults": {
            fault: {level: scored(evaluator, images)["fid"] for level, images in spoilt.items()}
            for fault, spoilt in faults(real, others)
        },
    }


def ends(said: dict[str, Any], score: str) -> list[float]:
    return [moments[max(moments, key=int)][score] for moments in said["runs"].values()]


def show(name: str, said: dict[str, Any], truth: dict[str, Any]) -> None:
    print(f"\n{name}: {said['stamp']}; real images: fid {said['real']['fid']:.3f}")
    for score in SCORES:
        pair = ends(said, score), ends(truth, score)
        print(f"  {score:18}rho {spearmanr(*pair)[0]:.3f}   tau {kendalltau(*pair)[0]:.3f}")
    every = [[one["fid"] for run in these["runs"].values() for one in run.values()] for these in (said, truth)]
    print(f"  {'fid, all moments':18}rho {spearmanr(*every)[0]:.3f}   tau {kendalltau(*every)[0]:.3f}")
    for fault, found in said["faults"].items():
        values = [said["real"]["fid"], *found.values()]
        rises = "rises" if values == sorted(values) else "FALLS"
        print(
            f"  {fault:18}{rises}  " + "  ".join(f"{level:g}: {value:.3g}" for level, value in found.items()),
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("words", nargs="*")
    parser.add_argument("--others", default="data=digits", help="words for another data set to mix in")
    parser.add_argument("--only", nargs="+", default=list(EXTRACTORS), choices=EXTRACTORS)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    quiet()
    config = composed(["metrics=self_supervised", *given.words], "unused")
    data = labelled_data(config)
    images, drawing = data.train_split.images, evaluator_with(ClassifierExtractor, config)
    drawing.class_pool, kept = data.train_split.labels, Cache(Path(config.paths.cache))
    runs = {}
    for run in RUNS:
        words = [*run.split(), *given.words]
        runs[run] = kept(f"fakes-{fingerprint(run, images)}", lambda words=words: train(words, drawing))
        print(f"{run}: {', '.join(sorted(runs[run], key=int))} images", flush=True)
    others = labelled_data(composed(given.others.split(), "unused")).train_split.images[:IMAGES]
    others = resized(others, images.shape[-1]).expand(-1, images.shape[1], -1, -1)
    results: dict[str, Any] = {}
    for name in ["classifier", *(name for name in given.only if name != "classifier")]:
        results[name] = judged(EXTRACTORS[name], config, data, runs, others)
        show(name, results[name], results["classifier"])
        if given.json:
            given.json.write_text(json.dumps(results, indent=2) + "\n")


if __name__ == "__main__":
    main()
