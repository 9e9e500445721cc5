"""Images per second of each way to feed a turn, against torchvision with a DataLoader.

usage: python benchmarks/data.py [--repeats 5] [--images 20000] [--json FILE]

All deliver batches of 64 as float32 in [-1, 1]. Ours are those that `Trainer.fit` gets, normalised as a turn does;
torchvision's are its CIFAR10 and ImageFolder data sets (PIL, ToTensor, Normalize) in a DataLoader with 0 and 2 workers.
The last line is how many times faster our slowest path is than the fastest network takes images (`mlp`, see
loops.py), measured in the same run.
"""

import json
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from itertools import chain, cycle, islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from hydra import compose, initialize_config_dir
from loops import CASES, ROOT, apart
from PIL import Image
from report import options, quartiles
from torch.utils.data import DataLoader
from torchvision import transforms
from torchvision.datasets import CIFAR10, ImageFolder

from ganforge.configuration.build import create
from ganforge.data.module import RoundLoader

COUNT, BATCH = 4096, 64
USUAL = transforms.Compose([transforms.ToTensor(), transforms.Normalize([0.5] * 3, [0.5] * 3)])
FLIPPED = transforms.Compose([transforms.RandomHorizontalFlip(), USUAL])


def pictures() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (COUNT, 32, 32, 3), np.uint8)


def write_folder(folder: Path) -> None:
    """The pictures as PNG files, in one class."""
    (folder / "all").mkdir(parents=True)
    for number, picture in enumerate(pictures()):
        Image.fromarray(picture).save(folder / "all" / f"{number:05d}.png")


def ours(*words: str) -> Callable[[], Iterator[torch.Tensor]]:
    """The batches of the data that `words` compose, once loaded."""
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        config = compose("train", list(words))
    data = create(config.data, "data")
    data.load_splits()
    loader = RoundLoader(data.train_split, BATCH, 1, 0, seed=0, rank=0, ranks=1, flip=data.flip, pauses=[2000])
    return lambda: (batch.to_unit_range(torch.float32).images for batch in chain.from_iterable(loader))


def theirs(dataset: Any, workers: int) -> Callable[[], Iterator[torch.Tensor]]:
    loader: Iterable[Any] = DataLoader(
        dataset, BATCH, shuffle=True, drop_last=True, num_workers=workers, persistent_workers=workers > 0
    )
    return lambda: (images for _ in cycle([0]) for images, _ in loader)


def cifar10(transform: Any) -> CIFAR10:
    """torchvision's data set, with our pictures in the place of its download."""
    dataset = CIFAR10.__new__(CIFAR10)
    dataset.data, dataset.targets = pictures(), [0] * COUNT
    dataset.transform, dataset.target_transform = transform, None
    return dataset


def paths(home: Path) -> dict[str, Callable[[], Iterator[torch.Tensor]]]:
    np.savez(home / "pictures.npz", images=pictures())
    write_folder(home / "folder")
    arrays = ["data=arrays", f"data.path={home}/pictures.npz"]
    folder = ["data=folder", f"data.path={home}/folder", "data.image_size=32", f"paths.cache={home}/cache"]
    return {
        "digits": ours(),
        "arrays": ours(*arrays),
        "arrays, flipped": ours(*arrays, "data.flip=true"),
        "folder": ours(*folder),
        "folder, on disk": ours(*folder, "data.memory_gib=0.001"),
        "mixture2d": ours("data=mixture2d"),
        "torchvision CIFAR10, 0 workers": theirs(cifar10(USUAL), 0),
        "torchvision CIFAR10, 2 workers": theirs(cifar10(USUAL), 2),
        "torchvision CIFAR10, flipped, 0 workers": theirs(cifar10(FLIPPED), 0),
        "torchvision ImageFolder, 2 workers": theirs(ImageFolder(str(home / "folder"), USUAL), 2),
    }


def rate(batches: Iterator[torch.Tensor], images: int) -> float:
    """After an eighth that is not timed, in which workers start."""
    count = images // BATCH
    list(islice((None for _ in islice(batches, count // 8)), count))
    begin = time.perf_counter()
    for batch in islice(batches, count):
        assert len(batch) == BATCH
    return count * BATCH / (time.perf_counter() - begin)


def main() -> None:
    given = options(__doc__, images=20_000).parse_args()
    with tempfile.TemporaryDirectory() as home:
        ways = paths(Path(home))
        found: dict[str, list[float]] = {name: [] for name in ways}
        for _ in range(given.repeats):
            for name, batches in ways.items():
                found[name].append(rate(batches(), given.images))
    usual = found["torchvision CIFAR10, 0 workers"]
    print(f"{'path':42}{'images/s':>12}   times torchvision CIFAR10, 0 workers")
    for name, rates in found.items():
        ratio = quartiles(mine / its for mine, its in zip(rates, usual, strict=True))[1]
        print(f"{name:42}{quartiles(rates)[1]:>12,.0f}   {ratio:.1f}")
    slowest = min(quartiles(rates)[1] for name, rates in found.items() if "torchvision" not in name)
    network = apart("ours", CASES["mlp"], 6000)["rate"]
    print(f"our slowest path delivers {slowest / network:.0f} times what mlp takes ({network:,.0f}/s)")
    if given.json:
        given.json.write_text(json.dumps(found | {"mlp": [network]}, indent=2) + "\n")


if __name__ == "__main__":
    main()
