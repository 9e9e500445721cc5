"""How well a detector tells anomalies from normal images that it never saw, with a stamp of what was measured."""

from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ganforge.artifacts.evaluations import lines_by
from ganforge.data.module import InMemoryData
from ganforge.detection.detectors import Anomalies, Detector
from ganforge.interfaces import to_unit_range
from ganforge.metrics.detection import auroc, average_precision
from ganforge.metrics.fingerprint import fingerprint

BLOCK = 250
BY = "detection"
"""What is in `by` of its lines in metrics.jsonl: no best moment is ever chosen by them."""


class HeldOut:
    """The normal images and the anomalies that are held out, as uint8 images (N, C, H, W), the normal ones first."""

    def __init__(self, data: InMemoryData) -> None:
        assert data.held_out_anomalies is not None and data.normal is not None
        normal, abnormal = data.held_out_split, data.held_out_anomalies
        self.images = torch.cat([normal.images, abnormal.images])
        self.normal_count = len(normal.images)
        assert normal.labels is not None and abnormal.labels is not None
        self.labels = torch.cat([normal.labels, abnormal.labels])
        self.about = {
            "data": f"{data.name}:{fingerprint(self.images)}",
            "split": data.split_name,
            "protocol": f"trained on class {', '.join(map(str, data.normal))} alone, tested on all",
            "normal_images": self.normal_count,
            "abnormal_images": len(self.images) - self.normal_count,
            "image_size": self.images.shape[-1],
        }

    def blocks(self) -> Iterator[Tensor]:
        yield from self.images.split(BLOCK)

    def record(self, scores: Tensor, detector: Detector, images_seen: int) -> dict[str, Any]:
        """A line of `metrics.jsonl`, of the scores (N,) of all images."""
        normal, abnormal = scores[: self.normal_count], scores[self.normal_count :]
        measured = {"auroc": auroc(normal, abnormal), "average_precision": average_precision(normal, abnormal)}
        versions = {name: version(name) for name in ("ganforge", "torch")}
        stamp = self.about | detector.describe() | {"weights": "ema", "versions": versions}
        return {"images_seen": images_seen, "scores": measured, "stamp": stamp, "by": BY}


def last_record(run: Path) -> dict[str, Any] | None:
    """The line of the last moment that was measured while training: no better one is looked for."""
    lines = lines_by(run, BY)
    return lines[-1] if lines else None


def in_words(record: dict[str, Any]) -> str:
    stamp, scores = record["stamp"], record["scores"]
    return (
        f"AUROC {scores['auroc']:.4f} at {record['images_seen']:,} images: {stamp['detector']}, "
        f"{stamp['normal_images']:,} normal and {stamp['abnormal_images']:,} abnormal images, {stamp['split']}"
    )


def detected(detector: Callable[[Tensor], Anomalies], images: Tensor, like: Tensor) -> Anomalies:
    """What is said of uint8 images, on the CPU; computed on the device and in the type of the weight `like`."""
    with torch.no_grad():
        found = detector(to_unit_range(images.to(like.device), like.dtype))
    return Anomalies(found.scores.cpu(), found.reconstructions.float().cpu())
