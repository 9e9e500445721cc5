"""Processes that end with the one that started them, whatever ends that one."""

import os
import signal
import sys
import threading
import time
from contextlib import suppress

PARENT = "GANFORGE_PARENT"
"""In the environment of a process that must not outlive its parent: the parent's number."""
IS_BOUND = PARENT in os.environ
POLL = 0.5
SET_PARENT_DEATH_SIGNAL = 1


def end_with_parent() -> None:
    """A child's first act; does nothing where PARENT is not set."""
    if parent := os.environ.pop(PARENT, None):
        end_with(int(parent))


def end_with(parent: int) -> None:
    """Be killed when `parent` ends: by Linux itself, elsewhere by a thread of this process."""
    if killed_by_the_system():
        if os.getppid() != parent:  # it ended before the system was asked
            os._exit(1)
    else:
        threading.Thread(target=end_after, args=(parent,), daemon=True).start()


def killed_by_the_system() -> bool:
    import ctypes

    try:
        return ctypes.CDLL(None).prctl(SET_PARENT_DEATH_SIGNAL, signal.SIGKILL) == 0
    except (AttributeError, TypeError, OSError):  # only Linux has it
        return False


def end_after(parent: int) -> None:
    if sys.platform == "win32":  # where getppid() stays the same, and is not `parent` in a virtual environment
        import _winapi

        with suppress(OSError):
            _winapi.WaitForSingleObject(_winapi.OpenProcess(_winapi.SYNCHRONIZE, False, parent), _winapi.INFINITE)
    else:
        while os.getppid() == parent:
            time.sleep(POLL)
    os._exit(1)
