"""What systems have in common that learn what is normal, to tell what is not."""

import copy
from collections.abc import Callable

import torch
from torch import Tensor, nn

from ganforge.detection.detectors import Detector
from ganforge.interfaces import Batch
from ganforge.systems.pictures import in_rows

DetectorFactory = Callable[..., Detector]


def detector_of(make: DetectorFactory, **networks: nn.Module) -> Detector:
    """A detector of copies of these networks, ready to compare: none of its passes is noticed by the training."""
    return make(**copy.deepcopy(networks)).requires_grad_(False).eval()


@torch.no_grad()
def reconstructions(detector: Detector, held_out: Batch) -> dict[str, Tensor]:
    """Pictures: normal images that are held out, and below them what the detector compares them with."""
    return {"reconstructions": in_rows(held_out.images, detector(held_out.images).reconstructions)}
