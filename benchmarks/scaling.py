"""What a turn costs against the size of the batch, the size of the images and the number of processes.

usage: python benchmarks/scaling.py [--repeats 3] [--images 3000] [--plot docs/scaling.png] [--json FILE]

The default game (DCGAN of width 32, R1) on random pictures with one thread for each process; milliseconds per round and
images per second, medians. With two processes the batch is shared out between them.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from loops import Clock, Watch, experiment
from report import options, quartiles

BATCHES, SIZES = (8, 16, 32, 64, 128, 256), (16, 32, 64)
SWEEPS = {
    "batch size": [(f"data.batch_size={batch}", batch) for batch in BATCHES],
    "image size": [(f"data.image_size={size}", size) for size in SIZES],
    "processes": [("", 1), ("trainer=ddp_cpu", 2)],
}


class FirstRank(Watch):
    """Prints the rate in the process that has it."""

    def on_train_end(self, trainer: object, *_: object) -> None:
        if getattr(trainer, "is_global_zero", False):
            print(f"rate {self.clock.rate}", flush=True)


def measure(words: str, images: int) -> None:
    with tempfile.TemporaryDirectory() as home:
        run = experiment(f"model=dcgan loss=r1 {words}", images, Path(home))
        run.trainer.callbacks.append(FirstRank(Clock(images, cuda=False)))
        run.fit()


def rate(words: str, images: int) -> float:
    command = [sys.executable, __file__, "--images", str(images), "--only", words]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    if done.returncode:
        raise SystemExit(done.stderr)
    return float(done.stdout.split("rate ")[-1])


def plot(found: dict[str, dict[int, float]], path: Path) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 2.8), layout="constrained")
    for axes, (name, rates) in zip(figure.subplots(1, len(found)), found.items(), strict=True):
        axes.plot(list(rates), list(rates.values()), "o-", color="#0072b2")
        axes.set(
            xlabel=name,
            xscale="log",
            yscale="log",
            xticks=list(rates),
            ylim=(min(rates.values()) / 2, max(rates.values()) * 2),
        )
        axes.set_xticks(list(rates), [str(place) for place in rates])
        axes.minorticks_off()
    figure.axes[0].set_ylabel("images per second")
    figure.savefig(path, dpi=110)


def main() -> None:
    parser = options(__doc__, images=3000)
    parser.set_defaults(repeats=3)
    parser.add_argument("--plot", type=Path)
    parser.add_argument("--only", help="measure these words here and now")
    given = parser.parse_args()
    if given.only is not None:
        return measure(given.only, given.images)
    found: dict[str, dict[int, float]] = {name: {} for name in SWEEPS}
    for name, settings in SWEEPS.items():
        rates: dict[int, list[float]] = {place: [] for _, place in settings}
        for _ in range(given.repeats):
            for words, place in settings:
                rates[place].append(rate(words, given.images))
        found[name] = {place: quartiles(values)[1] for place, values in rates.items()}
        batch = dict.fromkeys(rates, 64) | ({place: place for place in rates} if name == "batch size" else {})
        for place, images in found[name].items():
            print(
                f"{name:12}{place:>5}{images:>10,.0f} images/s{1000 * batch[place] / images:>10.1f} ms a round",
                flush=True,
            )
    if given.plot:
        plot(found, given.plot)
    if given.json:
        given.json.write_text(json.dumps(found, indent=2) + "\n")
    return None


if __name__ == "__main__":
    main()
