"""What libraries say that is not shown, and what is."""

import threading

import pytest

from ganforge.process.quiet import quiet_writer


@pytest.mark.parametrize(("error", "shown"), [(OSError(28, "No space left"), False), (KeyError("a mistake"), True)])
def test_a_full_disk_under_the_curves_is_said_by_the_main_thread_alone(
    capsys: pytest.CaptureFixture, error: Exception, shown: bool
) -> None:
    quiet_writer(threading.ExceptHookArgs((type(error), error, None, None)))
    assert ("a mistake" in capsys.readouterr().err) == shown
