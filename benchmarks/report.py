"""What the benchmarks share in asking and in telling; imports nothing large, whose seconds some of them count."""

import argparse
import statistics
from collections.abc import Iterable
from pathlib import Path


def quartiles(values: Iterable[float]) -> list[float]:
    values = list(values)
    return statistics.quantiles(values, n=4, method="inclusive") if len(values) > 1 else values * 3


def spread(values: Iterable[float]) -> str:
    """The median, with the quartiles."""
    low, middle, high = quartiles(values)
    return f"{middle:.2f} ({low:.2f}-{high:.2f})"


def options(description: str | None, images: int) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--images", type=int, default=images)
    parser.add_argument("--json", type=Path)
    return parser
