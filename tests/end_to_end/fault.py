"""`python fault.py MODULE:NAME CALL FAULT words...` trains with a fault at the given call of a function.

FAULT is the name of a signal that the process then sends to itself, before the call or, with a +, after it; or `nan`,
which spoils a weight of the LightningModule whose method it is.
"""

import functools
import os
import runpy
import signal
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

TRAIN = Path(__file__).resolve().parents[2] / "src" / "train.py"


def strike(fault: str, arguments: tuple[Any, ...]) -> None:
    if fault == "nan":
        next(arguments[0].generator.parameters()).data.fill_(float("nan"))
    else:
        os.kill(os.getpid(), signal.Signals[fault])


def plant(place: str, when: int, fault: str) -> None:
    module, _, path = place.partition(":")
    owner: Any = import_module(module)
    *outer, name = path.split(".")
    for part in outer:
        owner = getattr(owner, part)
    original, calls = getattr(owner, name), iter(range(1, 10**9))

    @functools.wraps(original)
    def faulty(*arguments: Any, **keywords: Any) -> Any:
        now = next(calls) == when
        if now and not fault.endswith("+"):
            strike(fault, arguments)
        result = original(*arguments, **keywords)
        if now and fault.endswith("+"):
            strike(fault.removesuffix("+"), arguments)
        return result

    setattr(owner, name, faulty)


if __name__ == "__main__":
    sys.path.insert(0, str(TRAIN.parent))
    plant(sys.argv[1], int(sys.argv[2]), sys.argv[3])
    sys.argv = [str(TRAIN), *sys.argv[4:]]
    runpy.run_path(str(TRAIN), run_name="__main__")
