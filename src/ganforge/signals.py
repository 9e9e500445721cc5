"""Signals outside of training: a process that has others to train for it passes them on."""

import multiprocessing
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

HANDLED = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1)


@contextmanager
def forwarding_signals() -> Iterator[list[int]]:
    """Inside, the first signal asks the processes of a group to stop; without any it ends this process tidily.

    Yields what has been received so far.
    """
    received: list[int] = []

    def forward(number: int, frame: FrameType | None) -> None:
        group = multiprocessing.active_children()
        if not group or (number == signal.SIGINT and number in received):
            for process in group:
                process.kill()
            sys.exit(128 + number)
        received.append(number)
        for process in group:
            process.terminate()

    earlier = {number: signal.signal(number, forward) for number in HANDLED}
    try:
        yield received
    finally:
        for number, handler in earlier.items():
            signal.signal(number, handler)


def handled_by(number: int) -> Callable[[int, FrameType | None], None] | None:
    """The handler that somebody else, such as submitit, has for a signal."""
    handler = signal.getsignal(number)
    return handler if callable(handler) and handler is not signal.default_int_handler else None
