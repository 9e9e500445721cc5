"""What each choice that changes a turn is worth in speed, against alternating turns in float32; all in `Trainer.fit`.

usage: python benchmarks/choices.py [--words "WORD ..."] [--repeats 3] [--images 3000] [--json FILE]

Interleaved, one process each; the ratio of a repeat is taken within it. Their effect on scores is in docs/results.md.
"""

import json

from loops import CASES, apart
from report import options, quartiles, spread

LOOPED = "optimizer.generator.fused=false optimizer.discriminator.fused=false"
CHOICES = {
    "alternating": "system.fakes=fresh",
    "shared": "system.fakes=shared",
    "one_stage": "system=one_stage",
    "shared, Adam in loops": f"system.fakes=shared {LOOPED}",
    "shared, bf16": "system.fakes=shared trainer.precision=bf16-mixed",
    "one_stage, bf16": "system=one_stage trainer.precision=bf16-mixed",
}


def main() -> None:
    parser = options(__doc__, images=3000)
    parser.set_defaults(repeats=3)
    parser.add_argument("--words", default=CASES["dcgan-r1"], help="the game")
    given = parser.parse_args()
    rates: dict[str, list[float]] = {name: [] for name in CHOICES}
    for _ in range(given.repeats):
        for name, words in CHOICES.items():
            rates[name].append(apart("ours", f"{given.words} {words}", given.images)["rate"])
    for name, found in rates.items():
        ratios = [mine / its for mine, its in zip(found, rates["alternating"], strict=True)]
        print(f"{name:22}{quartiles(found)[1]:>8,.0f} images/s   {spread(ratios)}")
    if given.json:
        given.json.write_text(json.dumps(rates, indent=2) + "\n")


if __name__ == "__main__":
    main()
