"""What a signal does outside of training."""

import os
import signal
import threading
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ganforge.process import signals


class Ended(BaseException):
    """In the place of the end of this process."""


@pytest.fixture
def ends(monkeypatch: pytest.MonkeyPatch) -> None:
    def end_at_once() -> None:
        raise Ended

    monkeypatch.setattr(signals, "end_at_once", end_at_once)


@pytest.mark.parametrize(
    ("number", "seconds", "ended"),
    [(signal.SIGINT, 1.0, True), (signal.SIGINT, 0.1, False), (signal.SIGTERM, 1.0, False)],
)
def test_a_second_ctrl_c_ends_at_once_unless_it_is_the_first_one_sent_twice(
    ends: None, monkeypatch: pytest.MonkeyPatch, number: int, seconds: float, ended: bool
) -> None:
    assert signals.first(signal.SIGINT)
    monkeypatch.setattr(signals, "received_at", time.monotonic() - seconds)
    if ended:
        with pytest.raises(Ended):
            signals.first(number)
    else:
        assert not signals.first(number)
    assert signals.received == [signal.SIGINT]


def test_a_terminal_is_left_when_it_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    for hung_up in (True, False):
        screen, terminal = os.openpty()
        monkeypatch.setattr(signals, "TERMINALS", [terminal])
        signals.leave_terminals(hung_up=False)
        assert os.isatty(terminal)
        if not hung_up:
            os.close(screen)
        signals.leave_terminals(hung_up)
        assert os.path.samestat(os.fstat(terminal), Path(os.devnull).stat())
        os.close(terminal)


def test_each_worker_of_a_sweep_is_asked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also one that starts after the signal has come."""
    asked: list[int] = []
    workers: list[Any] = [SimpleNamespace(pid=pid, terminate=lambda pid=pid: asked.append(pid)) for pid in (1, 2)]
    rounds = iter([[], workers[:1], workers[:1], workers, workers])

    def sleep(seconds: float) -> None:
        now = next(rounds, None)
        if now is None:
            raise Ended
        monkeypatch.setattr(signals, "group", lambda: now)
        signals.received[:] = [signal.SIGTERM] if now else []

    monkeypatch.setattr(signals, "time", SimpleNamespace(sleep=sleep))
    with pytest.raises(Ended):
        signals.ask_workers()
    assert asked == [1, 2]


def test_who_asks_the_workers_keeps_no_process_alive(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[threading.Thread] = []
    monkeypatch.setattr(threading.Thread, "start", lambda thread: started.append(thread))
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, [])
    try:
        signals.pass_on_to_workers()
        assert signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, [])
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
    assert [thread.daemon for thread in started] == [True]
