"""Which evaluation is the best, and which may stand side by side."""

from math import inf, isnan, nan
from pathlib import Path
from typing import Any

import pytest

from ganforge.artifacts.evaluations import best, comparable, order, short_names

OURS = {"extractor": "inception:1", "data": "digits:2", "fake_images": 100, "weights": "ema", "seed": 0}
THEIRS = {"extractor": "inception:1", "data": "digits:2", "fake_images": 100, "fakes": "folder:3"}


@pytest.mark.parametrize(("mode", "expected"), [("min", 1.0), ("max", 3.0)])
def test_what_is_not_a_number_is_never_the_best(mode: str, expected: float) -> None:
    for scores in ([nan, 2.0, 1.0, 3.0], [2.0, nan, 3.0, 1.0], [1.0, 3.0, 2.0, nan]):
        assert best(scores, float, mode) == expected
    assert isnan(best([nan], float, mode))


def test_order_is_best_first_then_the_infinite_then_what_is_not_a_number() -> None:
    assert str(sorted([nan, inf, 2.0, -1.0], key=lambda score: order(score, "min"))) == "[-1.0, 2.0, inf, nan]"
    assert str(sorted([nan, -inf, 2.0, -1.0], key=lambda score: order(score, "max"))) == "[2.0, -1.0, -inf, nan]"


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (OURS, OURS, True),
        (OURS, OURS | {"seed": 1}, False),
        (OURS, OURS | {"weights": "live"}, False),
        (OURS, THEIRS, True),
        (OURS | {"weights": "live", "seed": 1}, THEIRS, True),
        (THEIRS, THEIRS | {"fakes": "other:4"}, True),
        *((OURS, THEIRS | {name: "another"}, False) for name in ("extractor", "data", "fake_images")),
        (OURS | {"real_images": 9}, THEIRS, False),
    ],
)
def test_fakes_of_another_tool_stand_beside_ours_where_the_measurement_is_equal(
    one: dict[str, Any], other: dict[str, Any], expected: bool
) -> None:
    assert comparable(one, other) is comparable(other, one) is expected


def test_short_names_tell_paths_apart() -> None:
    one, other, run = Path("one/images"), Path("other/images"), Path("run")
    assert short_names([one, run]) == {one: "images", run: "run"}
    assert short_names([one, other]) == {one: "one/images", other: "other/images"}
    assert short_names([run, run]) == {run: "run"}
    assert short_names([]) == {}
