"""What files of weights are called, and where they are."""

from pathlib import Path
from typing import Literal

WEIGHTS = ("generator.safetensors", "model.safetensors")
"""What the weights are called in a run folder and in an exported one."""
BACKWARD_WEIGHTS = ("backward_generator.safetensors", "model.safetensors")
CLASSIFIER_WEIGHTS = ("classifier.safetensors", "model.safetensors")
DETECTOR_WEIGHTS = "detector.safetensors"
"""In a run folder, maybe beside a generator."""
Direction = Literal["a_to_b", "b_to_a"]
"""From sources to images, or back."""


def weights_file(path: Path, direction: Direction | None = None) -> Path:
    """The file itself, or the one in a folder; ValueError where there is none."""
    names = BACKWARD_WEIGHTS if direction == "b_to_a" else WEIGHTS
    if found := file_in(path, (*names, DETECTOR_WEIGHTS) if names == WEIGHTS else names):
        return found
    hint = ", which model=cyclegan leaves: leave out direction=b_to_a" if path.is_dir() and names != WEIGHTS else ""
    raise ValueError(f"{path}: no such file or folder with {' or '.join(names)}{hint}")


def classifier_file(path: Path) -> Path:
    """The same of a classifier."""
    if found := file_in(path, CLASSIFIER_WEIGHTS):
        return found
    hint = ", which system=semi_supervised leaves" if path.is_dir() else ""
    raise ValueError(f"{path}: no such file or folder with {' or '.join(CLASSIFIER_WEIGHTS)}{hint}")


def file_in(path: Path, names: tuple[str, ...]) -> Path | None:
    candidates = [path / name for name in names] if path.is_dir() else [path]
    return next((candidate for candidate in candidates if candidate.is_file()), None)


def known_as(file: Path) -> str:
    """The name of a run's or an exported folder where the file of weights is called as all are, or its own."""
    file = file.resolve()
    own_names = (*WEIGHTS, *BACKWARD_WEIGHTS, *CLASSIFIER_WEIGHTS, DETECTOR_WEIGHTS)
    return file.parent.name if file.name in own_names else file.stem
