"""Seconds from `python src/train.py` to its first turn, where they go, and `import torch, lightning` beside them.

usage: python benchmarks/startup.py [KEY=VALUE ...] [--repeats 5] [--json FILE]

The command is the real one, with any words, in a process of its own that notes when its parts begin and end, and is
ended where its first turn begins. A run that is not measured fills the cache of the scores first. Beside it, in turn:

  floor       import torch, lightning
  resting     the same while the garbage collector rests, as it does in ours
  help, typo  python src/train.py --help, and modle=mlp: the whole process

The ratio of a repeat is taken within it, so that a noisy machine cancels out; shown are medians with quartiles.
"""

import argparse
import json
import os
import runpy
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

from report import quartiles

ROOT = Path(__file__).resolve().parents[1]
SCRIPT = str(ROOT / "src" / "train.py")
IMPORTS = {
    "floor": "import torch, lightning",
    "resting": "import gc; gc.disable(); import torch, lightning",
}
WHOLE = {"help": "--help", "typo": "modle=mlp"}


class Stopwatch:
    """Seconds of each part, and of all since `begin`, when another process started this one."""

    def __init__(self, begin: float) -> None:
        self.begin = begin
        self.parts = {"interpreter": time.time() - begin}

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        since = time.time()
        yield
        self.parts[name] = self.parts.get(name, 0) + time.time() - since

    def around(self, owner: Any, function: str, name: str) -> None:
        """Every call of `owner.function` is part `name` from now on."""
        inner: Callable[..., Any] = getattr(owner, function)

        def timed(*arguments: Any, **keywords: Any) -> Any:
            with self.part(name):
                return inner(*arguments, **keywords)

        setattr(owner, function, timed)

    def stop(self, *_: Any) -> None:
        """Print all, and end this process."""
        total = time.time() - self.begin
        rest = total - sum(self.parts.values())
        print("seconds " + json.dumps({"total": total, **self.parts, "between": rest}), flush=True)
        os._exit(0)


def watched_run(begin: float, words: list[str]) -> None:
    """`src/train.py` until its first turn."""
    watch = Stopwatch(begin)
    sys.argv = [SCRIPT, *words]
    sys.path.insert(0, str(ROOT / "src"))
    with watch.part("import hydra"):
        from ganforge.launch import main
        from ganforge.process import quiet
    resting = quiet.importing

    @contextmanager
    def importing() -> Iterator[None]:
        with resting():
            for library in ("torch", "lightning"):
                with watch.part(f"import {library}"):
                    import_module(library)
            with watch.part("import ours"):
                yield
        watch_training(watch)

    quiet.importing = importing
    watch.around(main, "refuse_bad_overrides", "look at the words")
    runpy.run_path(SCRIPT, run_name="__main__")


def watch_training(watch: Stopwatch) -> None:
    from ganforge.callbacks.samples import Samples
    from ganforge.launch import run
    from ganforge.scoring.evaluator import Evaluator
    from ganforge.systems.adversarial import AdversarialModule

    watch.around(run, "build", "build")
    watch.around(Evaluator, "prepare", "prepare scores")
    watch.around(Samples, "on_train_start", "first samples")
    AdversarialModule.training_step = watch.stop  # type: ignore[method-assign]


def seconds_to_first_turn(words: list[str]) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as outputs:
        places = [f"paths.outputs={outputs}", f"paths.cache={ROOT}/outputs/cache"]
        command = [sys.executable, __file__, "--only", repr(time.time()), *places, *words]
        output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    seconds: dict[str, float] = json.loads(output.split("seconds ")[-1])
    return seconds


def seconds_to_import(code: str) -> float:
    begin = time.time()
    command = [sys.executable, "-c", f"{code}; import time; print(time.time())"]
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout) - begin


def seconds_of(word: str) -> float:
    begin = time.time()
    subprocess.run([sys.executable, SCRIPT, word], capture_output=True)
    return time.time() - begin


def measured(words: list[str], repeats: int) -> dict[str, dict[str, list[float]]]:
    """Quartiles of seconds, and of what the first turn costs in floors."""
    seconds_to_first_turn(words)
    repeated = []
    for _ in range(repeats):
        ours = seconds_to_first_turn(words)
        beside = {name: seconds_to_import(code) for name, code in IMPORTS.items()}
        beside |= {name: seconds_of(word) for name, word in WHOLE.items()}
        repeated.append({"parts": ours, "beside": beside, "ratio": {n: ours["total"] / beside[n] for n in IMPORTS}})
    return {
        kind: {name: quartiles([one[kind][name] for one in repeated]) for name in repeated[0][kind]}
        for kind in repeated[0]
    }


def show(result: dict[str, dict[str, list[float]]]) -> None:
    for name, (low, mid, high) in (result["parts"] | result["beside"]).items():
        print(f"{name:18} {mid:6.2f} s  ({low:.2f}-{high:.2f})")
    for name, (low, mid, high) in result["ratio"].items():
        print(f"total/{name:12} {mid:6.2f}    ({low:.2f}-{high:.2f})")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("words", nargs="*", help=argparse.SUPPRESS)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--only", type=float, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.only:
        return watched_run(options.only, options.words)
    result = measured(options.words, options.repeats)
    show(result)
    if options.json:
        options.json.write_text(json.dumps(result, indent=2) + "\n")
    return None


if __name__ == "__main__":
    main()
