"""The images that a run held out, normal ones and anomalies, and what is measured by them."""

from pathlib import Path

from omegaconf import DictConfig
from torch import Tensor

from ganforge.artifacts.evaluations import RECORDS, RESCORED
from ganforge.artifacts.records import append_line
from ganforge.detection.detectors import Detector
from ganforge.launch.rescoring import loaded_data, stated
from ganforge.launch.stored import stored_config
from ganforge.scoring.detection import HeldOut, in_words


def held_out_of(folder: Path, config: DictConfig) -> HeldOut:
    """Of the run's own data; ValueError where nothing says which images are abnormal."""
    if not (folder / ".hydra" / "config.yaml").exists():
        raise ValueError(f"run={folder}: no run is there: say what to look at with input=")
    run = stored_config(folder)
    run.callbacks, run.logger, run.trainer = {}, {}, {}
    run.paths.update({place: config.paths[place] for place in ("data", "outputs", "cache")})
    run.data.update(stated(config.data))
    if run.data.get("normal") is None:
        raise ValueError(f"run={folder} was trained without data.normal=: say what to look at with input=")
    return HeldOut(loaded_data(run))


def add_record(folder: Path, held_out: HeldOut, scores: Tensor, detector: Detector, images_seen: int) -> str:
    """Add the scores to the run's metrics.jsonl; returns what they come to, in words."""
    record = held_out.record(scores, detector, images_seen)
    append_line(folder / RECORDS, record | {"by": RESCORED})
    return in_words(record)
