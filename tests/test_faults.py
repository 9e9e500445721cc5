"""What a process of a group tells its parent in text is a failure of the same kind there."""

import signal

import pytest
from torch.multiprocessing.spawn import ProcessExitedException, ProcessRaisedException

from ganforge.faults import Diverged, Killed, Stopped, unwrapped


@pytest.mark.parametrize(
    ("line", "kind", "message"),
    [
        ("ganforge.faults.Diverged: the term adversarial is nan", Diverged, "the term adversarial is nan"),
        ("ValueError: data.path=x: no such folder", ValueError, "data.path=x: no such folder"),
        ("OSError: [Errno 28] No space left on device", ValueError, "[Errno 28] No space left on device"),
        ("RuntimeError: Connection closed by peer", Killed, "another process of this run is gone, and this one with"),
    ],
)
def test_a_failure_in_a_process_keeps_its_kind_and_its_message(line: str, kind: type, message: str) -> None:
    error = unwrapped(ProcessRaisedException(f"\n\n-- Process 1 terminated:\nTraceback ...\n{line}\n", 1, 4711))
    assert type(error) is kind
    assert str(error).startswith(message)


def test_a_stop_in_a_process_keeps_its_signal_and_its_moment() -> None:
    told = f"Traceback ...\nganforge.faults.Stopped: {Stopped(signal.SIGTERM, 640)}\n"
    error = unwrapped(ProcessRaisedException(told, 0, 4711))
    assert isinstance(error, Stopped)
    assert (error.signal_number, error.images_seen) == (signal.SIGTERM, 640)


def test_a_process_that_was_killed_is_named() -> None:
    killed = unwrapped(ProcessExitedException("", 1, 4711, -9, "SIGKILL"))
    ended = unwrapped(ProcessExitedException("", 0, 4711, 3))
    assert [type(killed), type(ended)] == [Killed, Killed]
    assert str(killed) == "process 1 of this run was ended by SIGKILL, and the others with it"
    assert "process 0 of this run was ended by exit code 3" in str(ended)


def test_any_other_failure_is_left_as_it_is() -> None:
    for error in (KeyError("x"), ProcessRaisedException("Traceback ...\nKeyError: 'x'\n", 0, 4711)):
        assert unwrapped(error) is error
