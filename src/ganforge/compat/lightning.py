"""Private API of Lightning 2.6."""

from typing import Any

import lightning
from lightning.fabric.utilities.logger import _flatten_dict
from lightning.pytorch.loggers import TensorBoardLogger
from lightning.pytorch.strategies.launchers.multiprocessing import _MultiProcessingLauncher
from lightning.pytorch.strategies.launchers.subprocess_script import _SubprocessScriptLauncher

MultiProcessingLauncher = _MultiProcessingLauncher
SubprocessScriptLauncher = _SubprocessScriptLauncher
"""How a strategy starts its processes; no public property says it."""


def leave_signals_alone(trainer: lightning.Trainer) -> None:
    """Lightning would put its handlers, which need SIGUSR1, in the place of ours."""
    trainer._signal_connector.register_signal_handlers = nothing  # type: ignore[method-assign]


def nothing() -> None:
    """A function and no lambda, as a trainer is sent to other processes."""


def table_of_hyperparameters(values: dict[str, Any]) -> dict[str, Any]:
    """Flat and in plain types, as TensorBoard takes them; the public way logs the scores a second time."""
    return TensorBoardLogger._sanitize_params(_flatten_dict(values))
