"""A small network trained on the data itself as feature extractor: scores without any download.

A subclass of `TrainedExtractor` is a task to learn. The network is trained once on the training split, with a seed of
its own, and cached by the hash of the data and the code.
"""

import hashlib
import inspect
import itertools
import math
from abc import ABC, abstractmethod
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from ganforge.interfaces import Batch, Cached
from ganforge.metrics.fingerprint import fingerprint
from ganforge.precision import unrounded
from ganforge.randomness import derived_generator

BLOCK = 50
"""Images at a time where features are computed; their activations fit a processor's cache."""


class SmallNetwork(nn.Module):
    """images (B, C, H, W) in [-1, 1] -> features (B, 64) and answers (B, K).

    Each feature has mean 0 and variance 1 on the training images, so that distances mean the same for every data set.
    Images of more than 32 pixels are first halved by stages of their own, which keeps their cost near that of 32.
    """

    def __init__(self, channels: int, size: int, answers: int, width: int = 32, features: int = 64) -> None:
        super().__init__()
        halvings = max(0, math.ceil(math.log2(size / 32)))

        def stage(inputs: int, outputs: int, stride: int) -> list[nn.Module]:
            convolution = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
            return [convolution, nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)]

        self.stages = nn.Sequential(
            *stage(channels, width, 2),
            *(layer for _ in range(halvings) for layer in stage(width, width, 2)),
            *stage(width, 2 * width, 1),
            *stage(2 * width, 2 * width, 2),
            *stage(2 * width, 4 * width, 2),
            nn.AdaptiveAvgPool2d(2),
            nn.Flatten(),
            nn.Linear(16 * width, features),
            nn.BatchNorm1d(features, affine=False),
        )
        self.head = nn.Linear(features, answers)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        features = self.stages(images)
        return features, self.head(features.relu())


def new_network(images: Tensor, answers: int) -> SmallNetwork:
    """The same initial weights every time, without a trace in the global random stream."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return SmallNetwork(images.shape[1], images.shape[-1], answers).to(memory_format=torch.channels_last)


def folded(network: SmallNetwork) -> SmallNetwork:
    """Batch norms in evaluation are affine and merge into the convolutions before them."""
    stages = list(network.stages)
    for index, (layer, following) in enumerate(itertools.pairwise(network.stages)):
        if isinstance(layer, nn.Conv2d) and isinstance(following, nn.BatchNorm2d):
            stages[index : index + 2] = [fuse_conv_bn_eval(layer, following), nn.Identity()]
    network.stages = nn.Sequential(*stages)
    return network.to(memory_format=torch.channels_last)


def normalised(images: Tensor) -> Tensor:
    return images.float() / 127.5 - 1


class TrainedExtractor(ABC):
    """Features and answers of a `SmallNetwork`; `accuracy` is its share of right answers about held-out images."""

    name: str
    needs: frozenset[str]
    batch = 128
    """Images in a step of its training."""

    def __init__(self, epochs: int = 20, max_steps: int = 1500) -> None:
        if epochs < 1 or max_steps < 1:
            raise ValueError("metrics.extractor.epochs and max_steps must be at least 1")
        self.epochs, self.max_steps = epochs, max_steps
        self.accuracy = float("nan")
        self.digest = ""

    @abstractmethod
    def targets(self, split: Batch) -> Tensor:
        """What is to be learned of each image (N,)."""

    @abstractmethod
    def answers(self, train: Batch) -> int:
        """How many numbers the network answers with for an image."""

    @abstractmethod
    def loss(self, network: SmallNetwork, images: Tensor, targets: Tensor, generator: torch.Generator) -> Tensor:
        """Of a batch of images in [-1, 1]; whatever it draws comes from `generator`."""

    @abstractmethod
    def share_right(self, held_out: Batch) -> float:
        """The share of right answers."""

    def prepare(self, train: Batch, held_out: Batch, cached: Cached) -> None:
        learners = [kind for kind in reversed(type(self).__mro__) if issubclass(kind, TrainedExtractor)]
        code = [hashlib.sha256(Path(inspect.getfile(kind)).read_bytes()).hexdigest() for kind in learners]
        steps = min(self.max_steps, -(-self.epochs * len(train.images) // self.batch))
        key = f"{self.name}-{fingerprint(train.images, self.targets(train), *code, steps)}"
        self.network = new_network(train.images, self.answers(train)).eval()
        weights = cached(key, lambda: dict(self.trained(train, steps).state_dict()))
        self.network.load_state_dict(weights)
        self.network = folded(self.network)
        self.digest = fingerprint(*(weights[name] for name in sorted(weights)))
        self.accuracy = self.share_right(held_out)

    def trained(self, train: Batch, steps: int) -> SmallNetwork:
        """Adam with a one-cycle rate for `steps` batches of images shifted by up to two pixels."""
        images, targets = train.images, self.targets(train)
        generator = derived_generator(self.name)
        network = new_network(images, self.answers(train))
        optimizer = torch.optim.Adam(network.parameters(), lr=3e-3)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 3e-3, total_steps=steps)
        with torch.enable_grad(), torch.inference_mode(False):
            for _ in range(steps):
                index = torch.randint(len(images), (self.batch,), generator=generator)
                shift = torch.randint(-2, 3, (2,), generator=generator).tolist()
                batch = torch.roll(normalised(images[index]), shift, dims=(2, 3))
                optimizer.zero_grad()
                self.loss(network, batch, targets[index], generator).backward()
                optimizer.step()
                schedule.step()
        return network.eval()

    def describe(self) -> dict[str, str | float]:
        return {"extractor": f"{self.name}:{self.digest}", "extractor_accuracy": round(self.accuracy, 4)}

    @property
    def layers(self) -> nn.Sequential:
        """What a `ContentExtractor` offers."""
        return self.network.stages

    def __call__(self, images: Tensor) -> tuple[Tensor, Tensor]:
        return self.outputs(normalised(images))

    @torch.no_grad()
    def outputs(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Features and answers for images in [-1, 1]."""
        self.network.to(images.device)
        blocks = images.contiguous(memory_format=torch.channels_last).split(BLOCK)
        with unrounded(images):
            features, answers = zip(*map(self.network, blocks), strict=True)
        return torch.cat(features), torch.cat(answers)
