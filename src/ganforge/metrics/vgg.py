"""VGG19 (Simonyan and Zisserman 2015), by whose features SRGAN and ESRGAN compare images; never downloaded."""

import hashlib
import pickle
from pathlib import Path

import torch
from torch import Tensor, nn
from torchvision.models import vgg19

from ganforge.interfaces import Batch, Cached

MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of the pixels of ImageNet in [0, 1], as torchvision's weights expect them."""
PREFIX = "features."


class Normalised(nn.Module):
    """Images (B, 1 or 3, H, W) in [-1, 1] as torchvision's networks expect them; gray ones as three equal channels."""

    mean: Tensor
    deviation: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(MEAN)[:, None, None])
        self.register_buffer("deviation", torch.tensor(DEVIATION)[:, None, None])

    def forward(self, images: Tensor) -> Tensor:
        return ((images + 1) / 2 - self.mean) / self.deviation


class Vgg19Extractor:
    """The convolutions of VGG19, of which number 16 is conv5_4; `weights` is torchvision's file, vgg19-dcbb9e9d.pth."""

    name = "vgg19"
    needs = frozenset({"images"})

    def __init__(self, weights: str | None) -> None:
        if weights is None or not Path(weights).is_file():
            missing = "names no file" if weights is None else "is no file"
            raise ValueError(
                f"extractor.weights={weights} of content=vgg19 or vgg54 {missing}: it should be torchvision's "
                "vgg19-dcbb9e9d.pth, which is never downloaded; content=[classifier] or [self_supervised] needs no file"
            )
        self.weights = Path(weights)

    def prepare(self, train: Batch, held_out: Batch, cached: Cached) -> None:
        with torch.device("meta"):
            features = vgg19(weights=None).features
        with self.weights.open("rb") as file:
            self.digest = hashlib.file_digest(file, "sha256").hexdigest()[:12]
        try:
            stored = torch.load(self.weights, weights_only=True, map_location="cpu")
            own = {name.removeprefix(PREFIX): value for name, value in stored.items() if name.startswith(PREFIX)}
            features.load_state_dict(own, assign=True)
        except (pickle.UnpicklingError, RuntimeError, EOFError, OSError, AttributeError, TypeError) as error:
            reason = (str(error) or repr(error)).splitlines()[0]
            raise ValueError(f"{self.weights} is not torchvision's file of VGG19: {reason}") from error
        for layer in features:
            if isinstance(layer, nn.ReLU):
                layer.inplace = False
        self.layers = nn.Sequential(Normalised(), *features)

    def describe(self) -> dict[str, str | float]:
        return {"extractor": f"{self.name}:{self.digest}"}
