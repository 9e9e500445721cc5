"""The Inception-v3 of Heusel et al. 2017 ("FID Inception") as torch-fidelity ports it."""

import hashlib
import pickle
from pathlib import Path
from urllib.error import URLError

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval
from torch_fidelity.feature_extractor_inceptionv3 import (
    URL_INCEPTION_V3,
    BasicConv2d,
    FeatureExtractorInceptionV3,
)

from ganforge.interfaces import Batch, Cached
from ganforge.precision import unrounded

SHA256_PREFIX = "6726825d"
CPU_BLOCK = 10
"""Images at a time on a CPU, whose caches a larger block's activations would not fit."""


class InceptionExtractor:
    """The 2048 pooled features and 1008 unbiased logits of one forward pass, equal to torch-fidelity's to 1e-6 of the
    largest.

    uint8 images are resized as in TensorFlow 1, without antialiasing; gray images are repeated to RGB. `weights` is
    a file in torch-fidelity's format; without it the standard weights are downloaded once and verified.
    """

    name = "inception"
    needs = frozenset({"images"})

    def __init__(self, weights: str | None = None) -> None:
        self.weights = Path(weights) if weights else None

    def prepare(self, train: Batch, held_out: Batch, cached: Cached) -> None:
        path = self.weights or standard_weights()
        self.network = folded(safely_loaded(path)).to(memory_format=torch.channels_last)
        with path.open("rb") as file:
            self.digest = hashlib.file_digest(file, "sha256").hexdigest()[:12]

    def describe(self) -> dict[str, str | float]:
        return {
            "extractor": f"{self.name}:{self.digest}",
            "resize": "bilinear to 299 as TensorFlow 1, no antialias",
        }

    @torch.no_grad()
    def __call__(self, images: Tensor) -> tuple[Tensor, Tensor]:
        self.network.to(images.device)
        blocks = images.expand(-1, 3, -1, -1).split(CPU_BLOCK if images.device.type == "cpu" else len(images))
        with unrounded(images):
            features, logits = zip(*map(self.network, blocks), strict=True)
        return torch.cat(features), torch.cat(logits)


def folded(network: FeatureExtractorInceptionV3) -> FeatureExtractorInceptionV3:
    """Batch norms in evaluation are affine and merge into the convolutions before them."""
    for part in network.modules():
        if isinstance(part, BasicConv2d):
            part.conv, part.bn = fuse_conv_bn_eval(part.conv, part.bn), nn.Identity()
    return network


def standard_weights() -> Path:
    """The standard weights in PyTorch's hub folder, downloaded if they are not there."""
    path = Path(torch.hub.get_dir()) / "checkpoints" / Path(URL_INCEPTION_V3).name
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            torch.hub.download_url_to_file(URL_INCEPTION_V3, str(path), SHA256_PREFIX, progress=False)
        except (URLError, OSError, RuntimeError) as error:
            raise ValueError(
                f"the Inception weights could not be downloaded ({error}). Put {path.name} into {path.parent} "
                "or name a copy with metrics.weights=, or use metrics=classifier or metrics=self_supervised"
            ) from error
    return path


def safely_loaded(path: Path) -> FeatureExtractorInceptionV3:
    """The network with the weights of `path`, which must hold tensors only: torch-fidelity unpickles anything."""
    try:
        torch.load(path, weights_only=True, map_location="cpu")
        return FeatureExtractorInceptionV3("inception-v3-compat", ["2048", "logits_unbiased"], str(path))
    except FileNotFoundError as error:
        raise ValueError(f"metrics.weights={path}: no such file") from error
    except (
        pickle.UnpicklingError,
        RuntimeError,
        EOFError,
        OSError,
        KeyError,
        AttributeError,
        TypeError,
    ) as error:
        reason = (str(error) or repr(error)).splitlines()[0]
        raise ValueError(f"{path} is not a file of Inception weights: {reason}") from error
