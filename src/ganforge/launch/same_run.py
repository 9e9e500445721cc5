"""When a run that goes on is still the same run: what may be changed on the way, and which checkpoints belong to it."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from ganforge.artifacts.records import leaves

CHANGEABLE = (
    "images",
    "evaluate_every",
    "sample_every",
    "save_every",
    "log_every",
    "paths",
    "logger",
    "data.root",
    "data.path",
    "data.sources",
    "data.cache",
    "callbacks.progress.show",
    "trainer.accelerator",
    "trainer.devices",
    "trainer.num_nodes",
    "trainer.strategy",
    "trainer.benchmark",
    "training.compile",
    "training.measure_every",
    "trainer.detect_anomaly",
    "training.on_nan",
    "trainer.limit_train_batches",
    "trainer.max_epochs",
)
"""The budget, the cadence, the loggers, the hardware, where files are, and the end that trainer=debug sets."""
NOT_TRAINED = (
    "callbacks",
    "resume",
    *(f"system.training.{key}" for key in ("compile", "measure_every", "on_nan")),
)
"""What else in a resolved configuration changes no weights, or follows from CHANGEABLE."""


def is_below(path: str, keys: Iterable[str]) -> bool:
    """Whether a dotted path is one of `keys`, or inside of one."""
    return any(f"{path}.".startswith(f"{key}.") for key in keys)


def refuse_checkpoint_of_another_run(path: Path, stored: dict[str, Any], current: dict[str, Any]) -> None:
    """ValueError where the hyperparameters of a checkpoint are not those of the run, but for what may change."""
    try:
        found = list(differences(stored, current))
    except RecursionError as error:
        raise ValueError(f"{path} is refused: its hyperparameters are nested too deeply") from error
    if found:
        more = f" and {len(found) - 3} more" if len(found) > 3 else ""
        raise ValueError(f"{path} was saved by another run ({', '.join(found[:3])}{more})")


def differences(stored: dict[str, Any], current: dict[str, Any]) -> Iterator[str]:
    """`key: stored -> current`; `system`, which repeats other parts, comes last.

    Compared as text, as NaN is to equal itself.
    """
    there, here = dict(leaves(stored)), dict(leaves(current))
    for key in sorted({**there, **here}, key=lambda key: key.startswith("system.")):
        if not is_below(key, (*CHANGEABLE, *NOT_TRAINED)) and repr(there.get(key)) != repr(here.get(key)):
            yield f"{key}: {there.get(key)} -> {here.get(key)}"


def refuse_unfit_weights(path: Path, stored: Mapping[str, Any], current: Mapping[str, Any]) -> None:
    """ValueError where a checkpoint's state does not fit the networks, whose code may have changed since."""
    there, here = ({name: shape(value) for name, value in state.items()} for state in (stored, current))
    for name in {**here, **there}:
        if there.get(name) != here.get(name):
            sizes = f"{there.get(name, 'missing')} -> {here.get(name, 'missing')}"
            raise ValueError(f"{path} does not fit the networks as they are now ({name}: {sizes})")


def shape(value: Any) -> tuple[int, ...]:
    return tuple(getattr(value, "shape", ()))


def refuse_checkpoint_beyond_budget(images_seen: int, images: int, images_per_round: int) -> None:
    """A run ends with the round that spends its budget, so no moment of it is later."""
    if images_seen >= images + images_per_round:
        raise ValueError(f"images={images}: this run has seen {images_seen:,} images already")
