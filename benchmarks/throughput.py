"""Images per second of ganforge's Trainer.fit against two hand-written loops (see loops.py), interleaved.

usage: python benchmarks/throughput.py [CASE ...] [--words "WORD ..."] [--repeats 5] [--images 6000] [--json FILE]

The ratio of a repeat is taken within it, so that a noisy machine cancels out; shown are medians with quartiles.
`--words` adds overrides for all loops, e.g. "trainer=gpu". Some cases need other images for as many seconds,
such as vae 30000, pix2pix 2000, cyclegan 400. Nothing is evaluated before the end.
"""

import json

from loops import CASES, LOOPS, STANDARD, interleaved
from report import options, quartiles, spread


def main() -> None:
    parser = options(__doc__, images=6000)
    parser.add_argument("cases", nargs="*", help=", ".join(CASES))
    parser.add_argument("--words", default="", help="more overrides")
    given = parser.parse_args()
    results = {}
    print(f"{'case':20}" + "".join(f"{loop + '/s':>10}" for loop in LOOPS) + "   ours/plain          ours/tuned")
    for case in given.cases or STANDARD:
        found = interleaved(f"{CASES[case]} {given.words}", given.images, given.repeats)
        rates = {loop: [record["rate"] for record in found[loop]] for loop in LOOPS}
        ratios = {
            loop: [mine / its for mine, its in zip(rates["ours"], rates[loop], strict=True)]
            for loop in ("plain", "tuned")
        }
        row = "".join(f"{quartiles(rates[loop])[1]:>10,.0f}" for loop in LOOPS)
        print(f"{case:20}{row}   {spread(ratios['plain']):20}{spread(ratios['tuned'])}", flush=True)
        peaks = {loop: [record["peak_mib"] for record in found[loop]] for loop in LOOPS}
        results[case] = {"images_per_second": rates, "ours_over": ratios, "peak_mib": peaks}
    if given.json:
        given.json.write_text(json.dumps(results, indent=2) + "\n")


if __name__ == "__main__":
    main()
