"""The drawing: what is where, and that no number or name breaks it."""

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure
from PIL import Image

from ganforge.comparison.chart import draw, label_ends, save_png, spread, style, svg
from ganforge.comparison.groups import grouped
from ganforge.comparison.runs import find_runs
from ganforge.comparison.sections import Section, sections

Make = Callable[..., Path]


def only_section(folder: Path) -> Section:
    (section,) = sections(grouped(find_runs([folder])))
    return section


@given(st.lists(st.floats(-0.2, 1.2), min_size=1, max_size=12), st.floats(0.01, 0.08))
def test_labels_keep_their_order_and_their_distance(heights: list[float], gap: float) -> None:
    moved = spread(sorted(heights), gap)
    assert all(above - below >= gap - 1e-9 for below, above in pairwise(moved))
    assert max(moved) <= 1


def test_labels_that_have_room_stay_where_they_are() -> None:
    assert spread([0.1, 0.5, 0.9], 0.05) == [0.1, 0.5, 0.9]


def test_mean_band_real_images_and_labels(make_run: Make, tmp_path: Path) -> None:
    for seed, score in enumerate([2.0, 4.0]):
        make_run(str(seed), {100: 5.0, 200: score}, "loss=hinge", seed=seed)
    section = only_section(tmp_path)
    axes = draw(Figure().subplots(), section)
    label_ends(axes, section)
    assert list(axes.lines[2].get_ydata()) == [5.0, 3.0]
    (band,) = axes.collections
    assert band.get_paths()[0].get_extents().y0 == pytest.approx(3 - 2**0.5)
    assert list(axes.lines[3].get_ydata()) == [0.5, 0.5]
    assert [text.get_text() for text in axes.texts] == ["real images", "loss=hinge (2 runs)"]
    assert axes.get_ylabel() == "fid, lower is better"


@pytest.mark.parametrize(
    ("scores", "scale"), [((1.0, 15.0), "linear"), ((1.0, 100.0), "log"), ((-1.0, 100.0), "linear")]
)
def test_logarithmic_only_where_the_range_calls_for_it(
    make_run: Make, tmp_path: Path, scores: tuple[float, float], scale: str
) -> None:
    make_run("run", dict(zip((100, 200), scores, strict=True)))
    axes = draw(Figure().subplots(), only_section(tmp_path))
    assert axes.get_yscale() == scale
    assert "$" not in "".join(axes.yaxis.get_major_formatter()(value) for value in (10.0, 100.0))


def test_36_groups_look_different() -> None:
    assert len({style(number) for number in range(36)}) == 36


NASTY = [float("nan"), float("inf"), -float("inf"), 1e100, 0.0, -1e-300]


@pytest.mark.filterwarnings("error::UserWarning")
def test_no_number_and_no_name_breaks_the_drawing(make_run: Make, tmp_path: Path) -> None:
    make_run("0", dict(enumerate(NASTY)), "loss=$\\frac$" + "x" * 10_000)
    make_run("1", dict(enumerate(reversed(NASTY))), "loss=_<&\"'>", seed=1)
    section = only_section(tmp_path)
    for narrow in (False, True):
        assert svg(section, "salt", narrow).startswith("<svg")
    save_png(tmp_path / "chart.png", [section, replace(section, score="fid", stamp={"x": "t" * 10_000})])
    with Image.open(tmp_path / "chart.png") as image:
        assert max(image.size) < 4_000
