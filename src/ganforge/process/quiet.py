"""What libraries say about choices that are not the user's is not shown."""

import gc
import logging
import os
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

LIBRARIES = ("lightning.pytorch", "lightning.fabric", "torch.distributed", "torch.multiprocessing.spawn")


def quiet() -> None:
    """From now on, also in processes that this one starts."""
    for name in LIBRARIES:
        logging.getLogger(name).setLevel(logging.ERROR)
    quiet_warnings()
    threading.excepthook = quiet_writer
    os.environ |= {"PYTHONWARNINGS": "ignore", "TORCH_CPP_LOG_LEVEL": "ERROR"}


def quiet_warnings() -> None:
    """Of all warnings those remain, as errors, with which Hydra passes over a mistake or a failure of a callback."""
    warnings.filterwarnings("ignore")
    warnings.filterwarnings("error", "provider=.* is not available|Callback .* raised", UserWarning)


def quiet_writer(arguments: threading.ExceptHookArgs) -> None:
    """TensorBoard's writer hands a full disk on to the main thread, which says so; all else is shown."""
    if not isinstance(arguments.exc_value, OSError):
        threading.__excepthook__(arguments)


@contextmanager
def importing() -> Iterator[None]:
    """Around the first import of PyTorch and what is built on it.

    Nothing that a module defines becomes garbage: looking for some meanwhile would take a fifth of the time, and the
    collector need never look there again.
    """
    logging.getLogger("matplotlib").setLevel(logging.ERROR)  # it warns where the home folder cannot be written to
    if "torch" in sys.modules:
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
