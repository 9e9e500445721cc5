"""Memory of ganforge's Trainer.fit against two hand-written loops (see loops.py), and whether a long run grows.

usage: python benchmarks/memory.py [CASE ...] [--repeats 3] [--images 3000] [--rounds 2000] [--json FILE]

First the peak of each process: main memory, or with trainer=gpu in --words the GPU's. Then one run of `--rounds` rounds
(0: none), in tenths: milliseconds per round and resident memory at the end of each.
"""

import json
import os
import tempfile
import time
from pathlib import Path
from typing import Any

from lightning import Callback
from loops import CASES, LOOPS, STANDARD, experiment, interleaved
from report import options, quartiles


class Tenths(Callback):
    """Seconds and resident bytes whenever another tenth of the rounds is done."""

    def __init__(self, images: int) -> None:
        self.images, self.moments = images, [(time.perf_counter(), resident(), 0)]

    def on_train_batch_end(self, trainer: Any, module: Any, *_: Any) -> None:
        if module.progress.images_seen * 10 // self.images > len(self.moments) - 1:
            self.moments.append((time.perf_counter(), resident(), module.progress.images_seen))


def resident() -> int:
    """Bytes of this process in main memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def growth(case: str, rounds: int) -> list[tuple[float, float]]:
    """(milliseconds per round, MiB) of each tenth."""
    with tempfile.TemporaryDirectory() as home:
        images = rounds * 64
        run = experiment(f"{CASES[case]} data.batch_size=64 evaluate_every={images}", images, Path(home))
        watch = Tenths(images)
        run.trainer.callbacks.append(watch)
        run.fit()
    pairs = zip(watch.moments, watch.moments[1:], strict=False)
    return [(64e3 * (b[0] - a[0]) / (b[2] - a[2]), b[1] / 2**20) for a, b in pairs]


def main() -> None:
    parser = options(__doc__, images=3000)
    parser.set_defaults(repeats=3)
    parser.add_argument("cases", nargs="*", help=", ".join(CASES))
    parser.add_argument("--words", default="", help="more overrides")
    parser.add_argument("--rounds", type=int, default=2000)
    given = parser.parse_args()
    results: dict[str, Any] = {}
    print(f"{'peak MiB':20}" + "".join(f"{loop:>10}" for loop in LOOPS) + "   ours/tuned")
    for case in given.cases or STANDARD:
        found = interleaved(f"{CASES[case]} {given.words}", given.images, given.repeats)
        peaks = {loop: quartiles(record["peak_mib"] for record in found[loop])[1] for loop in LOOPS}
        print(
            f"{case:20}"
            + "".join(f"{peaks[loop]:>10,.0f}" for loop in LOOPS)
            + f"   {peaks['ours'] / peaks['tuned']:.3f}"
        )
        results[case] = peaks
    if given.rounds:
        results["growth"] = growth("mlp", given.rounds)
        print(f"mlp, {given.rounds} rounds in tenths: ms per round, MiB resident")
        print("  ".join(f"{milliseconds:.1f}, {mib:,.0f}" for milliseconds, mib in results["growth"]))
    if given.json:
        given.json.write_text(json.dumps(results, indent=2) + "\n")


if __name__ == "__main__":
    main()
