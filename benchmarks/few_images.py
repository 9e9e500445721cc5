"""What augmentation does for a discriminator that has 200 images: how well it knows them, and what its generator draws.

usage: OMP_NUM_THREADS=1 python benchmarks/few_images.py [--seeds 1,2,3] [--augment none,diffaugment,ada] [WORD ...]

Words are overrides of `python src/train.py` for all of them; `ada` is experiment=ada_few_digits. Shown at the end of
each run, the discriminator in eval mode and without augmentation:

  gap    mean D(real training image) - mean D(real held-out image), of the logits
  told   how often D gives a training image a higher logit than a held-out one; 0.5 if it knows neither
  fid    of 2,000 fakes against the 899 images that the default run holds out, by the default run's classifier,
         which has learned from 898 others, the 200 among them
"""

import argparse
import os
import statistics
from pathlib import Path

import torch
from hydra import compose, initialize_config_dir
from omegaconf import DictConfig

from ganforge.artifacts.images import to_uint8
from ganforge.artifacts.tensors import Cache
from ganforge.configuration.build import Experiment, build
from ganforge.data.digits import Digits
from ganforge.interfaces import Inputs
from ganforge.metrics.classifier import ClassifierExtractor
from ganforge.metrics.frechet import frechet_distance, moments
from ganforge.metrics.small_network import normalised
from ganforge.process.quiet import quiet

ROOT = Path(__file__).resolve().parents[1]
FAKES = 2000
GAME = ["data.held_out=0.8887", "data.batch_size=32", "loss.penalties.r1.weight=0.1", "images=50_000"]
CASES = {"none": GAME, "diffaugment": [*GAME, "augment=diffaugment"], "ada": ["experiment=ada_few_digits"]}


def configured(folder: Path, augment: str, seed: int, words: list[str]) -> DictConfig:
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        own = [f"seed={seed}", "metrics=none", "logger=csv", "callbacks.progress.show=false"]
        config = compose("train", [*CASES[augment], *own, *words])
    config.paths.run, config.paths.outputs = str(folder / f"{augment}-{seed}"), str(folder)
    return config


class Judge:
    """FID against images that neither the generator nor the classifier has learned from."""

    def __init__(self, cache: Path) -> None:
        data = Digits(held_out=0.5, image_size=32, channels=1, num_classes=10, batch_size=64, seed=0, flip=False)
        data.load_splits()
        self.images, self.extractor = data.held_out_split.images, ClassifierExtractor()
        self.extractor.prepare(data.train_split, data.held_out_split, Cache(cache))
        self.real = moments(self.extractor(self.images)[0])

    def fid(self, images: torch.Tensor) -> float:
        return frechet_distance(*moments(self.extractor(images)[0]), *self.real).item()


@torch.no_grad()
def measured(run: Experiment, judge: Judge) -> dict[str, float]:
    system = run.system.eval()
    system.augment = None
    known, unknown = (
        system.discriminator(normalised(images)).logits for images in (run.data.train_split.images, judge.images)
    )
    latents = system.latent.sample(FAKES, generator=torch.Generator().manual_seed(0))
    fakes = to_uint8(system.sampler().images(Inputs(latents)))
    return {
        "gap": (known.mean() - unknown.mean()).item(),
        "told": (known[:, None] > unknown).float().mean().item(),
        "fid": judge.fid(fakes),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=lambda text: [int(seed) for seed in text.split(",")], default=[1, 2, 3])
    parser.add_argument("--augment", type=lambda text: text.split(","), default=list(CASES))
    parser.add_argument("--folder", type=Path, default=ROOT / "outputs" / "few_images")
    arguments, words = parser.parse_known_args()
    os.environ.setdefault("PROJECT_ROOT", str(ROOT))
    quiet()
    judge = Judge(arguments.folder / "cache")
    found: dict[str, list[dict[str, float]]] = {augment: [] for augment in arguments.augment}
    for seed in arguments.seeds:
        for augment, scores in found.items():
            run = build(configured(arguments.folder, augment, seed, words))
            if not scores:
                print(f"{augment}: real training images have fid {judge.fid(run.data.train_split.images):.3f}")
            run.fit()
            p = run.system.progress.latest.get("augment/p")
            scores.append(measured(run, judge) | ({} if p is None else {"p": p.item()}))
            print(augment, seed, {name: round(value, 3) for name, value in scores[-1].items()}, flush=True)
    for augment, scores in found.items():
        columns = {name: [score[name] for score in scores] for name in scores[0]}
        spread = statistics.stdev if len(scores) > 1 else lambda _: 0.0
        cells = [f"{name} {statistics.mean(v):.3f} ± {spread(v):.3f}" for name, v in columns.items()]
        print(augment, *cells, sep=" | ")


if __name__ == "__main__":
    main()
