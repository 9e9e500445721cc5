"""What ten minutes of training buy: each network in its own published game, at its small size, on the same images.

usage: python benchmarks/ten_minutes.py [NETWORK ...] [--data digits] [--seeds 1] [--minutes 10] [--json FILE]
       python benchmarks/ten_minutes.py [NETWORK ...] --rates FILE [the same options]
       python benchmarks/ten_minutes.py --table FILE

A network is trained by `python src/train.py` for as many images as it sees in the minutes at the speed of a short
trial, which has all cores and nothing beside it. With `--rates` the speeds are kept in a file: what it lacks is
measured first, and the training itself may then share the machine. Scores are computed once, at the end, and their time
does not count. What diverges or collapses stays in the table. `--json` gains a line with every run; with `--keep` as
well, what was stopped goes on. `--words` go to every training, for instance data.root=folder.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from loops import ROOT, experiment, paced

NETWORKS = {
    "mlp": "model=mlp loss=non_saturating",
    "dcgan": "",
    "sngan": "experiment=sngan_digits",
    "sngan_cnn": "model=sngan_cnn_small optimizer=adam",
    "sagan": "experiment=sagan_digits",
    "biggan": "experiment=biggan_digits",
    "acgan": "experiment=acgan_digits",
    "infogan": "experiment=infogan_digits",
    "progan": "experiment=progan_digits",
    "stylegan2": "experiment=stylegan2_digits",
    "r3gan": "experiment=r3gan_digits",
}
"""Overrides of `python src/train.py`."""
DATA = {"digits": "data=digits", "mnist": "data=mnist data.image_size=32 metrics.images=5000"}
TRIAL = 20.0
"""Seconds for which the speed is measured."""
SCORES = ("fid", "precision", "recall")


def parameters(words: str) -> dict[str, int]:
    """Of each player."""
    with tempfile.TemporaryDirectory() as home:
        system = experiment(words, 1000, Path(home)).system
    return {player: sum(x.numel() for x in getattr(system, player).parameters()) for player in system.players}


def trained(words: str, images: int, folder: Path) -> dict[str, Any]:
    """The last record of the run's scores; what ended it, where it has none."""
    start = [
        *words.split(),
        f"images={images}",
        f"evaluate_every={images}",
        f"save_every={images // 20}",
        "logger=none",
    ]
    words_now = [f"resume={folder}"] if folder.exists() else [*start, f"hydra.run.dir={folder}"]
    command = [sys.executable, str(ROOT / "src" / "train.py"), *words_now]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    if done.returncode > 128:
        sys.exit(f"{folder.name} was stopped by a signal: the same command goes on")
    records = folder / "metrics.jsonl"
    lines = records.read_text().splitlines() if records.exists() else []
    return json.loads(lines[-1]) if lines else {"ended": (done.stderr or done.stdout).strip().splitlines()[-1]}


def rates(networks: list[str], file: Path | None) -> dict[str, float]:
    """Images per second; those that `file` has are not measured again."""
    found: dict[str, float] = json.loads(file.read_text()) if file and file.exists() else {}
    for network in networks:
        if network not in found:
            found[network] = round(paced(NETWORKS[network], TRIAL)["rate"], 1)
            if file:
                file.write_text(json.dumps(found))
    return found


def run(network: str, data: str, seed: int, rate: float, given: argparse.Namespace) -> dict[str, Any]:
    words = NETWORKS[network]
    images = int(rate * 60 * given.minutes)
    with tempfile.TemporaryDirectory() as home:
        folder = (given.keep or Path(home)) / f"{network}_{data}_{seed}"
        record = trained(f"{words} {DATA[data]} seed={seed} {given.words}", images, folder)
    line = {"network": network, "data": data, "seed": seed, "minutes": given.minutes, "images_per_second": rate}
    return line | {"images": images, "parameters": parameters(words)} | record


def table(lines: list[dict[str, Any]]) -> str:
    """In Markdown: a row for each network and data set, means and deviations over the seeds."""
    rows = ["| network | data | seeds | FID | precision | recall | images seen | images/s | G, D parameters |"]
    rows.append("|---" * 9 + "|")
    for network, data in dict.fromkeys((line["network"], line["data"]) for line in lines):
        group = [line for line in lines if (line["network"], line["data"]) == (network, data)]
        shown = [spread([value(line, score) for line in group if "scores" in line]) for score in SCORES]
        ended = "".join(f"; seed {line['seed']}: {line['ended']}" for line in group if "ended" in line)
        sizes = ", ".join(f"{count:,}" for count in reversed(group[0]["parameters"].values()))
        seen = f"{round(statistics.mean(line['images'] for line in group)):,}"
        rate = f"{statistics.mean(line['images_per_second'] for line in group):,.0f}"
        cells = [network, data, f"{len(group)}{ended}", *shown, seen, rate, sizes]
        rows.append("| " + " | ".join(cells) + " |")
    return "\n".join(rows)


def value(line: dict[str, Any], score: str) -> float:
    return next(number for name, number in line["scores"].items() if name.startswith(f"{score}_"))


def spread(values: list[float]) -> str:
    if not values:
        return ""
    mean = f"{statistics.mean(values):.3g}"
    return f"{mean} ± {statistics.stdev(values):.2g}" if len(values) > 1 else mean


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("networks", nargs="*", help=", ".join(NETWORKS))
    parser.add_argument("--data", default="digits", help=", ".join(DATA))
    parser.add_argument("--seeds", default="1")
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--keep", type=Path, help="a folder in which the runs stay")
    parser.add_argument("--words", default="", help="overrides for every training")
    parser.add_argument("--rates", type=Path, help="a file of speeds, measured where it lacks one")
    parser.add_argument("--table", type=Path, help="only show what is in such a file")
    given = parser.parse_args()
    if given.table:
        print(table([json.loads(line) for line in given.table.read_text().splitlines()]))
        return
    networks = given.networks or list(NETWORKS)
    measured = rates(networks, given.rates)
    known = given.json.read_text().splitlines() if given.json and given.json.exists() else []
    found = [json.loads(line) for line in known]
    done = {(line["network"], line["data"], line["seed"], line["minutes"]) for line in found}
    for seed in map(int, given.seeds.split(",")):
        for network in networks:
            if (network, given.data, seed, given.minutes) in done:
                continue
            found.append(run(network, given.data, seed, measured[network], given))
            print(json.dumps(found[-1]), flush=True)
            if given.json:
                with given.json.open("a") as file:
                    file.write(json.dumps(found[-1]) + "\n")
    print(table(found))


if __name__ == "__main__":
    main()
