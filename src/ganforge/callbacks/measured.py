"""What callbacks other than the evaluation measure on held-out images: a line of `metrics.jsonl`, and curves."""

from pathlib import Path
from typing import Any

from lightning import Trainer
from torch import Tensor

from ganforge.artifacts.records import append_line
from ganforge.metrics.fingerprint import fingerprint


def write(line: dict[str, Any], records: Path, trainer: Trainer) -> None:
    for logger in trainer.loggers:
        logger.log_metrics({f"scores/{name}": value for name, value in line["scores"].items()}, line["images_seen"])
    append_line(records, line)


def about(data: Any, images: Tensor) -> dict[str, Any]:
    """What a stamp says of held-out images and of the weights."""
    return {
        "data": f"{data.name}:{fingerprint(images)}",
        "split": data.split_name,
        "real_images": len(images),
        "image_size": images.shape[-1],
        "weights": "ema",
    }
