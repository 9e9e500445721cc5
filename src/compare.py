"""Compare finished runs: one page with curves, a table over seeds, and samples.

usage: python src/compare.py FOLDER... [--output NAME] [--score NAME]

  FOLDER          a run, a sweep, or any folder above them; also fakes that
                  evaluate.py has scored, which stand beside runs whose scores
                  were measured in the same way
  --output NAME   writes NAME.html and NAME.png (default: comparison)
  --score NAME    a score of metrics.jsonl; otherwise the monitored one

Examples:

  python src/compare.py outputs/sweep/2026-01-31_12-00-00
      every job of a sweep
  python src/compare.py outputs/train/*_mlp_hinge outputs/train/*_mlp_lsgan
      single runs
  python src/compare.py outputs/sweep --score recall_classifier --output recall
      another score than the one that chose the generator

Runs that differ in the seed only are one line with a band of the standard
deviation. Scores with unequal stamps are in separate parts. The page needs no
network, so that it can be sent as a file.
"""

from ganforge.process.start import documentation  # first of all, and before what takes time

import argparse
import sys
from pathlib import Path
from typing import NoReturn

from ganforge.faults import Interrupted
from ganforge.process.signals import forwarding_signals


class Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise ValueError(f"{message}; see python src/compare.py --help")


def parsed(words: list[str]) -> argparse.Namespace:
    parser = Parser(add_help=False, allow_abbrev=False)
    parser.add_argument("folders", nargs="+", type=Path, metavar="FOLDER")
    parser.add_argument("--output", default="comparison")
    parser.add_argument("--score")
    return parser.parse_args(words)


def main(words: list[str]) -> int:
    """The exit code: 2 after a mistake of the user."""
    from ganforge.process.terminal import keep_output_from_failing

    keep_output_from_failing()
    if "--help" in words or "-h" in words:
        print(documentation(__file__))
        return 0
    from ganforge.artifacts.records import printable

    try:
        arguments = parsed(words)
        from ganforge.comparison.report import compare

        with forwarding_signals():
            compare(arguments.folders, arguments.output.removesuffix(".html"), arguments.score)
    except (ValueError, OSError) as error:
        print(f"error: {printable(str(error))}", file=sys.stderr)
        return 2
    except Interrupted as end:
        print("interrupted", file=sys.stderr)
        return end.code
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
