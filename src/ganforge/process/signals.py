"""The signals that ask a process to end, and what it does outside of training: it passes them on, or ends tidily."""

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from ganforge.faults import Interrupted, Killed
from ganforge.process.lifetime import IS_BOUND, PARENT

Handler = Callable[[int, FrameType | None], None]
NAMES = ("SIGINT", "SIGTERM", "SIGHUP", "SIGUSR1", "SIGBREAK")
"""No system has all of them: SIGBREAK is what Windows sends when a console is closed."""
TWICE = 0.5
"""Seconds in which a second Ctrl-C means the first: a terminal and a launcher such as `uv run` may both send it."""
POLL = 0.1
TERMINALS = [descriptor for descriptor in (0, 1, 2) if os.isatty(descriptor)]
received: list[int] = []
"""The signal that has asked this process to end."""
received_at = 0.0


def asking() -> list[int]:
    """The numbers of the signals that ask for an end. `nohup` has SIGHUP ignored, and so it stays."""
    numbers = [getattr(signal, name) for name in NAMES if hasattr(signal, name)]
    return [n for n in numbers if n == signal.SIGINT or signal.getsignal(n) != signal.SIG_IGN]


def handle(handler: Handler, *more: int) -> dict[int, Any]:
    """Give the signals that ask for an end, and `more`, to `handler`; returns what to `restore`."""
    return {number: signal.signal(number, handler) for number in (*asking(), *more)}


def restore(handlers: dict[int, Any]) -> None:
    for number, handler in handlers.items():
        signal.signal(number, handler)


def first(number: int) -> bool:
    """Remember a signal; whether it is the first. A second Ctrl-C ends the process at once."""
    global received_at
    if received:
        if number == signal.SIGINT and time.monotonic() - received_at > TWICE:
            end_at_once()
        return False
    received.append(number)
    received_at = time.monotonic()
    leave_terminals(number == getattr(signal, "SIGHUP", None))
    return True


def leave_terminals(hung_up: bool) -> None:
    """What is written to a terminal that is gone would be an error."""
    for descriptor in TERMINALS:
        if hung_up or not os.isatty(descriptor):
            os.dup2(os.open(os.devnull, os.O_RDWR), descriptor)


def end_at_once() -> None:
    """As if killed, and the group with it; of a group only the parent prints a message."""
    for process in group():
        process.kill()
    if sys.stdout is not None and sys.stdout.isatty():
        os.write(1, b"\x1b[?25h")  # the cursor, which a progress bar hides
    if not IS_BOUND and not is_worker():
        os.write(2, b"interrupted\n")
    os._exit(128 + received[0])


def end(number: int, frame: FrameType | None) -> None:
    """The handler while there is nothing to tidy up: at the start and at the end of a process."""
    if first(number) and not group():
        end_at_once()


def group() -> Iterable[Any]:
    """The processes that this one has started to train for it."""
    started: Callable[[], Iterable[Any]] = getattr(sys.modules.get("multiprocessing.process"), "active_children", list)
    return started()


def is_worker() -> bool:
    """Whether this is a process of a parallel sweep, or of a group: its parent prints what is to be said."""
    process = sys.modules.get("multiprocessing.process")
    return getattr(process, "parent_process", lambda: None)() is not None


@contextmanager
def forwarding_signals() -> Iterator[list[int]]:
    """Inside, the first signal asks the processes of a group to stop; without any it ends this process tidily.

    Yields what has been received so far. A process that has been asked to end begins nothing.
    """
    if received:
        raise Interrupted(received[0])

    def forward(number: int, frame: FrameType | None) -> None:
        if first(number):
            ask(group())
            if not group():
                raise Interrupted(number)

    os.environ[PARENT] = str(os.getpid())
    earlier = handle(forward)
    blocked = signal.pthread_sigmask(signal.SIG_UNBLOCK, asking()) if hasattr(signal, "pthread_sigmask") else None
    try:
        yield received
    except Killed as error:  # it was asked to end before it could save
        if received:
            raise Interrupted(received[0]) from error
        raise
    finally:
        if blocked is not None:
            signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
        restore(earlier)
        del os.environ[PARENT]


def ask(processes: Iterable[Any]) -> None:
    """Ask processes to end; Windows can only kill, but sends Ctrl-C to all processes of a console by itself."""
    if sys.platform != "win32":
        for process in processes:
            process.terminate()


def start_ignoring_signals(*starts: Callable[[], None]) -> None:
    """Start processes that no signal ends.

    So must those be in which multiprocessing and loky keep their books: they ignore SIGINT and SIGTERM themselves, but
    not the others, and to start one unblocks all blocked signals of this process.
    """
    others = [number for number in asking() if number not in (signal.SIGINT, signal.SIGTERM)]
    earlier = {number: signal.signal(number, signal.SIG_IGN) for number in others}
    for start in starts:
        start()
    restore(earlier)


def pass_on_to_workers() -> None:
    """Signals end the workers of a parallel sweep in their jobs, and nowhere else.

    From now on processes start with signals blocked until a job unblocks them: a launcher that loses an idle worker
    would kill the busy ones. This process receives signals and asks each worker once, in a thread of its own.
    """
    if hasattr(signal, "pthread_sigmask"):
        threading.Thread(target=ask_workers, daemon=True).start()
        signal.pthread_sigmask(signal.SIG_BLOCK, asking())


def ask_workers() -> None:
    asked: set[int] = set()
    while True:
        time.sleep(POLL)
        if received:
            new = [process for process in group() if process.pid not in asked]
            ask(new)
            asked |= {process.pid for process in new}


def handled_by(number: int) -> Handler | None:
    """The handler that a library, such as submitit, has set for a signal."""
    handler = signal.getsignal(number)
    return handler if callable(handler) and handler not in (signal.default_int_handler, end) else None
