"""Images per second of ganforge's Trainer.fit against two hand-written loops, interleaved.

usage: python benchmarks/throughput.py [CASE ...] [--repeats 5] [--images 6000] [--json FILE]

  plain   the eager loop of every tutorial: two forwards of the generator, both players' gradients in its turn
  tuned   the best loop we know by hand for the same mathematics: channels_last, the generator without gradient in the
          discriminator's turn, the discriminator frozen in the generator's
  ours    `python src/train.py` as shipped: Trainer.fit with loggers, average, health checks, progress bar

All play the same game with the same networks, batches and turns, each in a process of its own, in turn: A B C A B C.
The ratio of a repeat is taken within it, so that a noisy machine cancels out; shown are medians with quartiles.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
LOOPS = ("plain", "tuned", "ours")
CASES = {
    "mlp": ["model=mlp", "loss=non_saturating", "data.image_size=28", "data.batch_size=64"],
    "dcgan": ["model=dcgan", "model.generator.width=64", "loss=non_saturating", "data.channels=3"],
    "dcgan-bf16": [
        "model=dcgan", "model.generator.width=64", "loss=non_saturating", "data.channels=3",
        "trainer.precision=bf16-mixed",
    ],
    "dcgan-wgan_gp": ["model=dcgan", "model.generator.width=64", "loss=wgan_gp", "data.channels=3"],
}  # fmt: skip
WARM_UP = 0.25
"""The share of the images that are not timed."""


def experiment(words: list[str], images: int, folder: Path) -> Any:
    """What the command line would build, on random pictures."""
    import numpy as np
    from hydra import compose, initialize_config_dir

    from ganforge.build import build
    from ganforge.command import quiet

    quiet()
    shape = {word.partition("=")[0]: word.partition("=")[2] for word in words}
    size, channels = int(shape.get("data.image_size", 32)), int(shape.get("data.channels", 1))
    pictures = np.random.default_rng(0).integers(0, 256, (4096, size, size, channels), np.uint8)
    np.savez(folder / "pictures.npz", images=pictures)
    own = [word for word in words if not word.startswith(("data.image_size", "data.channels"))]
    settings = ["data=arrays", f"data.path={folder}/pictures.npz", "metrics=none", f"images={images}"]
    os.environ.setdefault("PROJECT_ROOT", str(ROOT))
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        config = compose("train", [*settings, *own])
    config.paths.run, config.paths.outputs = str(folder / "run"), str(folder)
    return build(config)


def ours(words: list[str], images: int, folder: Path) -> float:
    from lightning import Callback

    class Watch(Callback):
        """The time from the end of the warm-up to the last turn."""

        def on_train_batch_end(self, trainer: Any, module: Any, *_: Any) -> None:
            self.end = (time.perf_counter(), module.images_seen)
            if module.images_seen <= WARM_UP * images:
                self.begin = self.end

    run, watch = experiment(words, images, folder), Watch()
    run.trainer.callbacks.append(watch)
    run.fit()
    return (watch.end[1] - watch.begin[1]) / (watch.end[0] - watch.begin[0])


def by_hand(words: list[str], images: int, folder: Path, turn: Callable[..., None], tuned: bool) -> float:
    """The same system's networks, game and optimizers in a loop without a framework."""
    import torch

    run = experiment(words, images, folder)
    system, data = run.system, run.data
    layout = torch.channels_last if tuned else torch.contiguous_format
    for network in (system.generator, system.discriminator):
        network.to(memory_format=layout).train()
    optimizers = system.configure_optimizers()
    batch_size, turns = data.batch_size, system.game.critic_turns
    reduced = "bf16" in str(run.trainer.precision)
    seen, begin = 0, (time.perf_counter(), 0)
    while seen < images:
        for number in range(turns):
            index = torch.randint(len(data.train_split.images), (batch_size,))
            real = data.train_split.images[index].float().div_(127.5).sub_(1).contiguous(memory_format=layout)
            with torch.autocast("cpu", torch.bfloat16, enabled=reduced):
                turn(system, optimizers, real, seen // batch_size, number == turns - 1)
            seen += batch_size
        if seen <= WARM_UP * images:
            begin = (time.perf_counter(), seen)
    return (seen - begin[1]) / (time.perf_counter() - begin[0])


def step(optimizer: Any, terms: dict[str, Any]) -> None:
    optimizer.zero_grad()
    sum(terms.values()).backward()
    optimizer.step()


def plain_turn(system: Any, optimizers: list[Any], real: Any, number: int, both: bool) -> None:
    generator, discriminator, game = system.generator, system.discriminator, system.game
    fake = generator(system.latent.sample(len(real))).detach()
    step(
        optimizers[0],
        game.discriminator_terms(discriminator(real), discriminator(fake), discriminator, real, fake, number),
    )
    if both:
        fake = generator(system.latent.sample(len(real)))
        step(optimizers[1], game.generator_terms(discriminator, real, discriminator(fake)))


def tuned_turn(system: Any, optimizers: list[Any], real: Any, number: int, both: bool) -> None:
    import torch

    generator, discriminator, game = system.generator, system.discriminator, system.game
    with torch.no_grad():
        fake = generator(system.latent.sample(len(real)))
    step(
        optimizers[0],
        game.discriminator_terms(discriminator(real), discriminator(fake), discriminator, real, fake, number),
    )
    if both:
        discriminator.requires_grad_(False)
        fake = generator(system.latent.sample(len(real)))
        step(optimizers[1], game.generator_terms(discriminator, real, discriminator(fake)))
        discriminator.requires_grad_(True)


def measure(loop: str, case: str, images: int) -> None:
    """Print the images per second of one loop; this runs in a process of its own."""
    with tempfile.TemporaryDirectory() as home:
        folder = Path(home)
        if loop == "ours":
            rate = ours(CASES[case], images, folder)
        else:
            rate = by_hand(CASES[case], images, folder, plain_turn if loop == "plain" else tuned_turn, loop == "tuned")
    print(f"rate {rate}")


def rate_of(loop: str, case: str, images: int) -> float:
    command = [sys.executable, __file__, "--only", loop, case, "--images", str(images)]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return float(output.split("rate ")[-1])


def quartiles(values: list[float]) -> list[float]:
    return statistics.quantiles(values, n=4, method="inclusive") if len(values) > 1 else values * 3


def compared(case: str, repeats: int, images: int) -> dict[str, Any]:
    rates: dict[str, list[float]] = {loop: [] for loop in LOOPS}
    for _ in range(repeats):
        for loop in LOOPS:
            rates[loop].append(rate_of(loop, case, images))
    ratios = {
        f"ours/{other}": quartiles([mine / its for mine, its in zip(rates["ours"], rates[other], strict=True)])
        for other in ("plain", "tuned")
    }
    return {"case": case, "images_per_second": {loop: quartiles(rates[loop]) for loop in LOOPS}, **ratios}


def show(result: dict[str, Any]) -> None:
    rates = "  ".join(f"{loop} {result['images_per_second'][loop][1]:,.0f}/s" for loop in LOOPS)
    ratios = "  ".join(
        f"{name} {low_mid_high[1]:.2f} ({low_mid_high[0]:.2f}-{low_mid_high[2]:.2f})"
        for name, low_mid_high in ((name, result[name]) for name in ("ours/plain", "ours/tuned"))
    )
    print(f"{result['case']:14} {rates}  {ratios}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cases", nargs="*", choices=[*CASES, []], help=argparse.SUPPRESS)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--images", type=int, default=6000)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--only", choices=LOOPS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.only:
        return measure(options.only, options.cases[0], options.images)
    results = []
    for case in options.cases or CASES:
        results.append(compared(case, options.repeats, options.images))
        show(results[-1])
    if options.json:
        options.json.write_text(json.dumps(results, indent=2) + "\n")
    return None


if __name__ == "__main__":
    main()
