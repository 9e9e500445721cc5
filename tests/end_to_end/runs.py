"""Runs as processes that can be killed, and what two runs do not have in common."""

import contextlib
import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch import Tensor

from ..conftest import TINY
from ..processes import ROOT, Process, born

SMALL = [
    *TINY["mlp"], "images=6400", "evaluate_every=1280", "log_every=128", "metrics.images=60",
    "metrics.extractor.epochs=2", "data.image_size=16", "data.batch_size=32",
]  # fmt: skip
"""Two hundred rounds with five evaluations, in a few seconds."""
FORKED = ["trainer=ddp_cpu", "trainer.strategy.start_method=fork"]
"""Two processes that need not import everything; the default is to spawn them, which takes seconds more."""
FAULT = ROOT / "tests" / "end_to_end" / "fault.py"


def start(folder: Path, *words: str, fault: tuple[str, int, str] | None = None, **environment: str) -> Process:
    """`python src/train.py` writing to `folder`, or with `resume=`, in a session of its own; `fault` as in fault.py."""
    place = [] if any(word.startswith("resume=") for word in words) else [f"hydra.run.dir={folder}"]
    words = (*place, f"paths.outputs={folder.parent}/outputs", *words)
    if fault is None:
        return born("train", *words, cwd=folder.parent, environment=environment)
    return born(FAULT, *map(str, fault), *words, cwd=folder.parent, environment=environment)


def finish(process: Process, timeout: float | None = 600) -> tuple[int, str, str]:
    """Exit code, output and errors; nothing of the process's session is left behind."""
    try:
        output, errors = process.communicate(timeout=timeout)
    finally:
        end_session(process)
    return process.wait(), output, errors


def end_session(process: Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def train(folder: Path, *words: str, timeout: float | None = 600, **options: Any) -> tuple[int, str, str]:
    return finish(start(folder, *words, **options), timeout)


def wait_for(happened: Callable[[], bool], process: Process, seconds: float = 400) -> None:
    """Return once it has happened; a process that ends before, or takes too long, fails and is ended."""
    deadline = time.monotonic() + seconds
    while not happened():
        if process.poll() is not None or time.monotonic() > deadline:
            end_session(process)
            raise AssertionError(f"it ended early or took more than {seconds} s: {process.errors()}")
        time.sleep(0.01)


def records(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


def scalars(folder: Path) -> dict[str, list[tuple[int, float]]]:
    """Every TensorBoard scalar that is not a speed: (images seen, value)."""
    events = EventAccumulator(str(folder / "tensorboard"), size_guidance={"scalars": 0}).Reload()
    tags = [tag for tag in events.Tags()["scalars"] if tag != "images_per_second"]
    return {tag: [(event.step, event.value) for event in events.Scalars(tag)] for tag in sorted(tags)}


def differences(one: Path, two: Path) -> Iterator[str]:
    """What is not bit for bit the same at the end of two runs."""
    first, second = (torch.load(run / "checkpoints" / "last.ckpt", weights_only=True) for run in (one, two))
    for part in ("state_dict", "optimizer_states", "progress", "callbacks"):
        yield from unequal(part, first[part], second[part])
    if (one / "metrics.jsonl").read_bytes() != (two / "metrics.jsonl").read_bytes():
        yield "metrics.jsonl"
    yield from unequal("TensorBoard", scalars(one), scalars(two))
    yield from unequal("generator", load_file(one / "generator.safetensors"), load_file(two / "generator.safetensors"))
    for picture in (one / "samples").iterdir():
        if picture.read_bytes() != (two / "samples" / picture.name).read_bytes():
            yield f"samples/{picture.name}"


def unequal(path: str, one: Any, two: Any) -> Iterator[str]:
    if isinstance(one, dict) and isinstance(two, dict) and set(one) == set(two):
        for key in one:
            yield from unequal(f"{path}/{key}", one[key], two[key])
    elif isinstance(one, list) and isinstance(two, list) and len(one) == len(two):
        for number, (left, right) in enumerate(zip(one, two, strict=True)):
            yield from unequal(f"{path}/{number}", left, right)
    elif isinstance(one, Tensor):
        if not torch.equal(one, two):
            yield path
    elif one != two:
        yield path
