"""The same game played by three loops; each measurement runs in a process of its own.

plain   the eager loop of every tutorial in float32: both players' gradients in the generator's turn, Adam and
        convolutions as torch has them, penalties by autograd's own second derivatives
tuned   the best loop we know by hand for the mathematics of ours: channels_last, fakes shared by both turns (or drawn
        without gradient for the discriminator's), the discriminator frozen in the generator's, images resident on
        the device, large buffers kept by the allocator; bf16 where the case says so
ours    `python src/train.py` as shipped: Trainer.fit with TensorBoard, CSV, average, health checks, samples

What the first two do in a turn is in turns.py. On one thread (OMP_NUM_THREADS=1) without a GPU the processor's time is
counted, which other processes do not add to; otherwise the clock's.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from hydra import compose, initialize_config_dir
from lightning import Callback
from torch import nn
from torch.nn.functional import avg_pool2d, interpolate
from turns import turn_of

from ganforge.configuration.build import build
from ganforge.data.module import MOST_ROUNDS
from ganforge.interfaces import Batch
from ganforge.layers import residual
from ganforge.layers.convolution import FromPixel, ToPixel
from ganforge.process.memory import keep_freed_memory
from ganforge.process.quiet import quiet

ROOT = Path(__file__).resolve().parents[1]
LOOPS = ("plain", "tuned", "ours")
DCGAN = "model=dcgan model.generator.width=64 data.channels=3"
CASES = {
    "mlp": "model=mlp loss=non_saturating",
    "dcgan": f"{DCGAN} loss=non_saturating",
    "dcgan-bf16": f"{DCGAN} loss=non_saturating trainer.precision=bf16-mixed",
    "dcgan-wgan_gp": f"{DCGAN} loss=wgan_gp",
    "dcgan-wgan_gp-layer": f"{DCGAN} loss=wgan_gp normalization.discriminator=layer",
    "dcgan-alternating": f"{DCGAN} loss=non_saturating system.fakes=fresh",
    "dcgan-r1": f"{DCGAN} loss=r1",
    "dcgan-r1-one_stage": f"{DCGAN} loss=r1 system=one_stage",
    "dcgan-ada": f"{DCGAN} loss=non_saturating augment=ada",
    "sngan": "experiment=sngan_cifar10 model.generator.width=64 model.discriminator.width=64",
    "sngan-bf16": "experiment=sngan_cifar10 model.generator.width=64 model.discriminator.width=64"
    " trainer.precision=bf16-mixed",
    "vae": "model=vae data.image_size=28 data.batch_size=128",
    "pix2pix": "model=pix2pix view=edges data.channels=3 data.batch_size=16 model.generator.width=16"
    " model.discriminator.receptive_field=16",
    "cyclegan": "model=cyclegan view=edges data.batch_size=4 model.generator.width=8 model.generator.blocks=2"
    " model.discriminator.receptive_field=16",
}
"""Overrides of `python src/train.py`; `data.channels` and `data.image_size` are of the random pictures."""
STANDARD = ("mlp", "dcgan", "dcgan-bf16", "dcgan-r1", "dcgan-wgan_gp", "dcgan-wgan_gp-layer")
WARM_UP = 0.25
"""The share of the images that are not timed."""


@dataclass
class Clock:
    """Images per second from the end of the warm-up on."""

    images: int
    cuda: bool
    begin: tuple[float, int] = (0.0, 0)
    end: tuple[float, int] = (0.0, 0)

    def tick(self, seen: int) -> None:
        if self.cuda and (seen >= self.images or self.end[1] <= WARM_UP * self.images):
            torch.cuda.synchronize()
        alone = torch.get_num_threads() == 1 and not self.cuda
        self.end = (time.process_time() if alone else time.perf_counter(), seen)
        if seen <= WARM_UP * self.images or not self.begin[1]:
            self.begin = self.end

    @property
    def rate(self) -> float:
        return (self.end[1] - self.begin[1]) / (self.end[0] - self.begin[0])


def experiment(words: str, images: int, folder: Path) -> Any:
    """What the command line would build, on random pictures."""
    quiet()
    given = dict(word.split("=", 1) for word in words.split())
    size, channels = int(given.pop("data.image_size", 32)), int(given.pop("data.channels", 1))
    pictures = np.random.default_rng(0).integers(0, 256, (4096, size, size, channels), np.uint8)
    np.savez(folder / "pictures.npz", images=pictures, labels=np.arange(4096) % 10)
    settings = [
        "data=arrays",
        f"data.path={folder}/pictures.npz",
        "metrics=none",
        f"images={images}",
        f"evaluate_every={2 * images}",
    ]
    os.environ.setdefault("PROJECT_ROOT", str(ROOT))
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        config = compose("train", [*settings, *(f"{key}={value}" for key, value in given.items())])
    config.paths.run, config.paths.outputs = str(folder / "run"), str(folder)
    return build(config)


class Watch(Callback):
    def __init__(self, clock: Clock) -> None:
        self.clock = clock

    def on_train_batch_end(self, trainer: Any, module: Any, *_: Any) -> None:
        self.clock.tick(module.progress.images_seen)


def ours(run: Any, clock: Clock) -> None:
    run.trainer.callbacks.append(Watch(clock))
    run.fit()


def by_hand(run: Any, clock: Clock, tuned: bool) -> None:
    """The same system's networks, loss and optimizers in a loop that has never heard of Lightning."""
    system, data = run.system, run.data
    os.environ.pop("PYTORCH_NVML_BASED_CUDA_CHECK")
    device = torch.device("cuda" if clock.cuda else "cpu")
    layout = torch.channels_last if tuned else torch.contiguous_format
    if tuned and not clock.cuda:
        keep_freed_memory()
    for player in system.players:
        getattr(system, player).to(device, memory_format=layout).train()
    optimizers = system.configure_optimizers()
    if not tuned:
        as_in_tutorials(system, optimizers)
    turn, turns = turn_of(system, tuned), system.batches_per_round
    images = data.train_split.images.to(device if tuned else "cpu")
    views = None if data.view is None else torch.cat([data.view(block) for block in images.split(64)])
    labels = data.train_split.labels if run.config.condition.labels else None
    pictures = Batch(images, None if labels is None else labels.to(images.device), views)
    reduced = tuned and "bf16" in str(run.trainer.precision)

    seen = number = 0
    while seen < clock.images:
        for critic_turn in range(turns):
            index = torch.randint(len(images), (data.batch_size,), device=images.device)
            batch = pictures.at(index).on(device).to_unit_range(torch.float32)
            with torch.autocast(device.type, torch.bfloat16, enabled=reduced, cache_enabled=False):
                turn(system, optimizers, batch, number, critic_turn == turns - 1)
            seen, number = seen + data.batch_size, number + 1
        clock.tick(seen)


def as_in_tutorials(system: Any, optimizers: list[Any]) -> None:
    if hasattr(system, "game"):
        system.game.penalties = {name: textbook(penalty) for name, penalty in system.game.penalties.items()}
    residual.doubled_before = lambda layer, images: layer(interpolate(images, scale_factor=2))
    residual.halved_after = lambda layer, images: avg_pool2d(layer(images), 2)
    for layer in system.modules():
        layer.__class__ = {ToPixel: nn.Conv2d, FromPixel: nn.ConvTranspose2d}.get(type(layer), type(layer))
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["fused"] = None


def textbook(penalty: Any) -> Any:
    """The same gradient penalty, differentiated twice as it stands."""

    def value(critic: Any, real: Any, fake: Any) -> Any:
        points = penalty.points(real, fake).detach().requires_grad_()
        (gradients,) = torch.autograd.grad(critic(points).sum(), points, create_graph=True)
        return penalty.weight * penalty.cost(gradients.flatten(1)).mean()

    value.interval = penalty.interval  # type: ignore[attr-defined]
    return value


def measure(loop: str, words: str, images: int) -> dict[str, float]:
    """Images per second, and MiB of main memory at the peak and before the loop (of the GPU's where there is one)."""
    cuda = "trainer=gpu" in words
    with tempfile.TemporaryDirectory() as home:
        run, clock = experiment(words, images, Path(home)), Clock(images, cuda)
        before = peak_mib(cuda=False)
        if loop == "ours":
            ours(run, clock)
        else:
            by_hand(run, clock, loop == "tuned")
    return {"rate": clock.rate, "peak_mib": peak_mib(cuda), "before_mib": 0.0 if cuda else before}


def peak_mib(cuda: bool) -> float:
    """Of this process alone; `ru_maxrss` begins at its parent's."""
    if cuda:
        return torch.cuda.max_memory_reserved() / 2**20
    (line,) = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1]) / 2**10


def apart(loop: str, words: str, images: int, limit: float | None = None) -> dict[str, float]:
    """`measure` in a process of its own; subprocess.TimeoutExpired after `limit` seconds.

    `graphs_skipped` counts the CUDA graphs that were not made, where TORCH_LOGS=perf_hints has torch say so.
    """
    command = [sys.executable, __file__, loop, str(images), *words.split()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=limit)
    if done.returncode:
        raise SystemExit(done.stderr)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found | {"graphs_skipped": done.stderr.count("skipping cudagraphs")}


def paced(words: str, seconds: float, limit: float | None = None) -> dict[str, float]:
    """`ours` for about so many seconds, at the speed of a shorter trial."""
    with tempfile.TemporaryDirectory() as home:
        least = 8 * MOST_ROUNDS * experiment(words, 1000, Path(home)).images_per_round
    rough = apart("ours", words, least, limit)["rate"]
    return apart("ours", words, max(least, int(rough * seconds)), limit)


def interleaved(words: str, images: int, repeats: int) -> dict[str, list[dict[str, float]]]:
    """A B C A B C ..."""
    found: dict[str, list[dict[str, float]]] = {loop: [] for loop in LOOPS}
    for _ in range(repeats):
        for loop in LOOPS:
            found[loop].append(apart(loop, words, images))
    return found


if __name__ == "__main__":
    print(json.dumps(measure(sys.argv[1], " ".join(sys.argv[3:]), int(sys.argv[2]))))
