"""`python -m tests.end_to_end.soak [MINUTES] [words...]`: train under a killer, and compare with a run left alone.

A killer strikes the run with SIGKILL every 20 to 60 seconds, and each time it is resumed. At the end everything must be
bit for bit as in the run that nothing happens to, which is trained at the same time.
"""

import random
import sys
import tempfile
import time
from pathlib import Path

from ..processes import Process
from .runs import differences, end_session, finish, start

SHAPE = ["evaluate_every=20_000", "save_every=2_000", "log_every=1_000"]
IMAGES_PER_MINUTE = 30_000
"""Of the default experiment on one thread while it is struck, on the machine that docs/reliability.md names."""


def soak(minutes: float, words: list[str], folder: Path) -> bool:
    words = [*SHAPE, f"images={round(minutes * IMAGES_PER_MINUTE)}", *words]
    whole, struck, luck = folder / "whole", folder / "struck", random.Random(0)
    since, strikes = time.monotonic(), 0
    undisturbed, process = start(whole, *words), start(struck, *words)
    while not ended(process, luck.uniform(20, 60)):
        end_session(process)
        strikes += 1
        process = start(struck, f"resume={struck}")
    for one in (process, undisturbed):
        code, _, errors = finish(one, timeout=None)
        assert code == 0, errors
    found = list(differences(whole, struck))
    print(f"struck {strikes} times in {time.monotonic() - since:.0f} s; differences: {found or 'none'}")
    return not found


def ended(process: Process, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and process.poll() is None:
        time.sleep(0.1)
    return process.poll() is not None


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as home:
        sys.exit(not soak(float(sys.argv[1]) if len(sys.argv) > 1 else 30, sys.argv[2:], Path(home)))
