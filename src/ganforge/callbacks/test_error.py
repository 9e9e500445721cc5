"""How often a classifier that learns from few labels is wrong, while it trains."""

from pathlib import Path
from typing import Any

from lightning import Trainer

from ganforge.artifacts.evaluations import RECORDS
from ganforge.callbacks.clock import Periodic
from ganforge.callbacks.health import refuse_divergence
from ganforge.callbacks.measured import about, write
from ganforge.interfaces import Batch, Count
from ganforge.metrics.fingerprint import fingerprint
from ganforge.systems.semi_supervised import SemiSupervisedGAN

BLOCK = 500
"""Images that are classified at once."""
BY = "test_error"


class TestError(Periodic):
    """Appends `test_error` to `metrics.jsonl`: the share of held-out images that the averaged classifier gets wrong.

    Its stamp says how many images had labels, and which.
    """

    __test__ = False  # no test, whatever pytest takes its name for

    def __init__(self, every: Count, run_folder: str) -> None:
        super().__init__(every)
        self.records = Path(run_folder) / RECORDS

    def on_fit_start(self, trainer: Trainer, module: Any) -> None:
        if not isinstance(module, SemiSupervisedGAN):
            raise ValueError("callbacks=semi_supervised goes with system=semi_supervised: leave it out")

    def due(self, trainer: Trainer, module: Any) -> None:
        refuse_divergence(module)
        if not trainer.is_global_zero:
            return
        data, clock = trainer.datamodule, module.progress.images_seen
        scores = {"test_error": test_error(module, data.held_out_split)}
        write({"images_seen": clock, "scores": scores, "stamp": stamp(data), "by": BY}, self.records, trainer)


def test_error(module: SemiSupervisedGAN, split: Batch) -> float:
    wrong = 0
    for start in range(0, len(split.images), BLOCK):
        block = split.at(slice(start, start + BLOCK)).on(module.device)
        answers = module.class_logits(block.to_unit_range(module.dtype).images).argmax(1)  # type: ignore[arg-type]
        wrong += (answers != block.labels).sum().item()
    return wrong / len(split.images)


def stamp(data: Any) -> dict[str, Any]:
    count = len(data.train_split.images) if data.chosen is None else len(data.chosen)
    return about(data, data.held_out_split.images) | {
        "labels": count,
        "labels_seed": None if data.chosen is None else data.labels_seed,
        "labelled": "all" if data.chosen is None else fingerprint(data.chosen),
    }
