"""How well anomalies are told while a system learns what is normal."""

from pathlib import Path

import torch
from lightning import Trainer

from ganforge.artifacts.evaluations import RECORDS
from ganforge.artifacts.images import grid, save_png
from ganforge.callbacks.clock import Periodic
from ganforge.callbacks.evaluation import stoppable
from ganforge.callbacks.health import refuse_divergence
from ganforge.callbacks.measured import write
from ganforge.callbacks.samples import SAMPLES
from ganforge.interfaces import Count, to_unit_range
from ganforge.scoring.detection import BLOCK, HeldOut, detected
from ganforge.systems.pictures import in_rows
from ganforge.systems.system import System

SHOWN = 32


class Detection(Periodic):
    """Appends AUROC and average precision of the detector to `metrics.jsonl`, of all images that are held out.

    Without `data.normal=` nothing says which images are abnormal, and nothing is measured. Some anomalies, each above
    what it was compared with, are `samples/<images seen>_anomalies.png`.
    """

    def __init__(self, every: Count, run_folder: str) -> None:
        super().__init__(every)
        self.folder = Path(run_folder)

    def on_fit_start(self, trainer: Trainer, module: System) -> None:
        if module.detector() is None:
            raise ValueError("callbacks=detection goes with model=bigan, ganomaly or f_anogan: leave it out")

    def due(self, trainer: Trainer, module: System) -> None:
        refuse_divergence(module)
        data = trainer.datamodule
        if not trainer.is_global_zero or data.held_out_anomalies is None:
            return
        detector = module.detector()
        assert detector is not None
        held_out, weight, clock = HeldOut(data), next(detector.parameters()), module.progress.images_seen
        blocks = stoppable(held_out.blocks(), trainer, module) if trainer.world_size == 1 else held_out.blocks()
        scores = torch.cat([detected(detector, images, weight).scores for images in blocks])
        record = held_out.record(scores, detector, clock)
        write(record, self.folder / RECORDS, trainer)
        anomalies = held_out.images[held_out.normal_count :: max(1, (len(scores) - held_out.normal_count) // SHOWN)]
        anomalies = anomalies[: min(SHOWN, BLOCK)]
        made = detected(detector, anomalies, weight).reconstructions
        rows = in_rows(to_unit_range(anomalies, torch.float32), made)
        save_png(self.folder / SAMPLES / f"{clock:09d}_anomalies.png", grid(rows.flatten(0, 1), columns=rows.shape[1]))
