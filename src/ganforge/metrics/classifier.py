"""A small classifier of the data set's own classes as feature extractor: scores without any download.

It is trained once on the training split, with a seed of its own, and cached by the hash of the data and this code.
"""

import hashlib
import itertools
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.fusion import fuse_conv_bn_eval

from ganforge.interfaces import Batch, Cached
from ganforge.metrics.fingerprint import fingerprint
from ganforge.randomness import derived_generator

BATCH = 128
BLOCK = 50
"""Images at a time where features are computed; their activations fit a processor's cache."""


class SmallClassifier(nn.Module):
    """images (B, C, H, W) in [-1, 1] -> features (B, 64) and logits (B, K).

    Each feature has mean 0 and variance 1 on the training images, so that distances mean the same for every data set.
    """

    def __init__(self, channels: int, num_classes: int, width: int = 32, features: int = 64) -> None:
        super().__init__()

        def stage(inputs: int, outputs: int, stride: int) -> list[nn.Module]:
            convolution = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
            return [convolution, nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)]

        self.stages = nn.Sequential(
            *stage(channels, width, 2),
            *stage(width, 2 * width, 1),
            *stage(2 * width, 2 * width, 2),
            *stage(2 * width, 4 * width, 2),
            nn.AdaptiveAvgPool2d(2),
            nn.Flatten(),
            nn.Linear(16 * width, features),
            nn.BatchNorm1d(features, affine=False),
        )
        self.head = nn.Linear(features, num_classes)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        features = self.stages(images)
        return features, self.head(features.relu())


def new_classifier(channels: int, num_classes: int) -> SmallClassifier:
    """The same initial weights every time, without a trace in the global random stream."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return SmallClassifier(channels, num_classes).to(memory_format=torch.channels_last)


def train_classifier(split: Batch, num_classes: int, steps: int) -> SmallClassifier:
    """Adam with a one-cycle rate for `steps` batches of images shifted by up to two pixels."""
    assert split.labels is not None
    images, labels = split.images, split.labels
    generator = derived_generator("classifier")
    network = new_classifier(images.shape[1], num_classes)
    optimizer = torch.optim.Adam(network.parameters(), lr=3e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 3e-3, total_steps=steps)
    with torch.enable_grad(), torch.inference_mode(False):
        for _ in range(steps):
            index = torch.randint(len(images), (BATCH,), generator=generator)
            shift = torch.randint(-2, 3, (2,), generator=generator).tolist()
            batch = torch.roll(normalised(images[index]), shift, dims=(2, 3))
            _, logits = network(batch)
            optimizer.zero_grad()
            F.cross_entropy(logits, labels[index]).backward()
            optimizer.step()
            schedule.step()
    return network.eval()


def folded(network: SmallClassifier) -> SmallClassifier:
    """Batch norms in evaluation are affine and merge into the convolutions before them."""
    stages = list(network.stages)
    for index, (layer, following) in enumerate(itertools.pairwise(network.stages)):
        if isinstance(layer, nn.Conv2d) and isinstance(following, nn.BatchNorm2d):
            stages[index : index + 2] = [fuse_conv_bn_eval(layer, following), nn.Identity()]
    network.stages = nn.Sequential(*stages)
    return network.to(memory_format=torch.channels_last)


def normalised(images: Tensor) -> Tensor:
    return images.float() / 127.5 - 1


class ClassifierExtractor:
    """Features and class probabilities of a `SmallClassifier`; `accuracy` is its share of right held-out answers."""

    name = "classifier"
    needs_labels = True

    def __init__(self, epochs: int = 20, max_steps: int = 1500) -> None:
        if epochs < 1 or max_steps < 1:
            raise ValueError("metrics.extractor.epochs and max_steps must be at least 1")
        self.epochs, self.max_steps = epochs, max_steps
        self.accuracy = float("nan")
        self.digest = ""

    def prepare(self, train: Batch, held_out: Batch, cached: Cached) -> None:
        assert train.labels is not None and held_out.labels is not None
        num_classes = int(train.labels.max()) + 1
        code = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()
        steps = min(self.max_steps, -(-self.epochs * len(train.images) // BATCH))
        key = f"classifier-{fingerprint(train.images, train.labels, code, steps)}"
        self.network = new_classifier(train.images.shape[1], num_classes).eval()
        weights = cached(key, lambda: dict(train_classifier(train, num_classes, steps).state_dict()))
        self.network.load_state_dict(weights)
        self.network = folded(self.network)
        self.digest = fingerprint(*(weights[name] for name in sorted(weights)))
        answers = torch.cat([self(block)[1].argmax(1).cpu() for block in held_out.images.split(500)])
        self.accuracy = (answers == held_out.labels).double().mean().item()

    def describe(self) -> dict[str, str | float]:
        return {"extractor": f"{self.name}:{self.digest}", "extractor_accuracy": round(self.accuracy, 4)}

    @torch.no_grad()
    def __call__(self, images: Tensor) -> tuple[Tensor, Tensor]:
        self.network.to(images.device)
        blocks = normalised(images).contiguous(memory_format=torch.channels_last).split(BLOCK)
        with torch.autocast(images.device.type, enabled=False):
            features, logits = zip(*map(self.network, blocks), strict=True)
        return torch.cat(features), torch.cat(logits)
