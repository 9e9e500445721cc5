"""Score against images seen, one chart for each section; the same drawing as a PNG and inside the page."""

import io
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter

from ganforge.artifacts.files import replacing
from ganforge.comparison.sections import Group, Section, titles

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#e69f00", "#cc79a7", "#56b4e9")
"""Okabe and Ito's, distinguishable by colour-blind people; without black, and yellow that is faint on white."""
MARKERS = "osD^vP"
INK, FAINT, LINES = "#1c2024", "#6b7480", "#e3e6ea"
STYLE: dict[Any, Any] = {
    "axes.axisbelow": True,
    "axes.edgecolor": FAINT,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "axes.labelcolor": INK,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "axes.titlesize": 10,
    "axes.titlecolor": INK,
    "font.size": 9,
    "grid.color": LINES,
    "legend.frameon": False,
    "svg.fonttype": "none",
    "text.color": INK,
    "text.parse_math": False,
    "xtick.color": FAINT,
    "ytick.color": FAINT,
}
LOGARITHMIC = 20
"""A logarithmic axis where the largest score is more than so many times the smallest."""
DASHES: dict[str, Any] = {"linestyle": (0, (5, 3)), "linewidth": 1.2}
WIDTH, NARROW = 7.4, 4.0
"""Inches without the labels to the right."""
LINE = 0.17
"""Inches from one label to the next."""
LABEL = 48
"""Characters of a label in a chart; the table beside it has all of it."""


def style(number: int) -> tuple[str, str]:
    """Colour and marker of a group; 36 groups look different."""
    return COLOURS[number % len(COLOURS)], MARKERS[number // len(COLOURS) % len(MARKERS)]


def save_png(path: Path, sections: list[Section]) -> None:
    """All sections below each other."""
    with matplotlib.rc_context(STYLE), replacing(path) as file:
        heights = [height(section) for section in sections]
        figure = Figure(figsize=(WIDTH, sum(heights)))
        parts = figure.subfigures(len(sections), squeeze=False, height_ratios=heights)[:, 0]
        for part, title, section in zip(parts, titles(sections), sections, strict=True):
            axes = draw(part.subplots(), section)
            axes.set_title(shortened(title, 110), pad=12)
            label_ends(axes, section)
        figure.savefig(file, format="png", dpi=150, bbox_inches="tight", facecolor="white")


def svg(section: Section, salt: str, narrow: bool) -> str:
    """For the inside of a page, which sets the colours; `salt` keeps the names in it apart from other charts'."""
    with matplotlib.rc_context({**STYLE, "svg.hashsalt": salt}):
        figure = Figure(figsize=(NARROW, 3.2) if narrow else (WIDTH, height(section)))
        (legend_below if narrow else label_ends)(draw(figure.subplots(), section), section)
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg", bbox_inches="tight", transparent=True, metadata={"Date": None})
    text = buffer.getvalue()
    text = text[text.index("<svg") :].replace(INK, "currentColor").replace(FAINT, "var(--faint)")
    for number, colour in enumerate(COLOURS):
        text = text.replace(colour, f"var(--colour-{number})")
    return text.replace(LINES, "var(--lines)")


def height(section: Section) -> float:
    """Inches; enough for all labels."""
    return max(3.4, 1 + LINE * (len(section.groups) + 1))


def draw(axes: Axes, section: Section) -> Axes:
    for group in section.groups:
        draw_group(axes, group)
    if section.real is not None:
        axes.axhline(section.real, color=FAINT, **DASHES)
    lowest, highest = section.extremes
    if lowest > 0 and highest > LOGARITHMIC * lowest:
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_minor_formatter(NullFormatter())
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:,.6g}")
    axes.set_ylabel(", ".join(filter(None, (shortened(section.score, LABEL), section.direction))))
    axes.set_xlabel("images seen")
    axes.xaxis.set_major_formatter("{x:,.0f}")
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    axes.set_xlim(left=0)
    return axes


def draw_group(axes: Axes, group: Group) -> None:
    """The mean with a band of one deviation on each side, over the faint curves of the single runs."""
    colour, marker = style(group.number)
    images, mean, deviation = group.mean_curve()
    for curve in group.curves:
        axes.plot(*curve.points(group.score), color=colour, linewidth=0.7, alpha=0.4)
    axes.fill_between(images, mean - deviation, mean + deviation, color=colour, alpha=0.15, linewidth=0)
    axes.plot(images, mean, color=colour, marker=marker, markersize=4, linewidth=1.8)


def label_ends(axes: Axes, section: Section) -> None:
    """Names to the right of the chart at the height of the ends of the lines, joined to them by thin lines."""
    ends: list[tuple[float, float, str, str]] = [
        (*curve_end(group), name(group), style(group.number)[0]) for group in section.groups
    ]
    if section.real is not None:
        ends.append((axes.get_xlim()[1], section.real, "real images", FAINT))
    to_fraction = axes.transData - axes.transAxes
    ends = sorted((end for end in ends if np.isfinite(end[1])), key=lambda end: end[1])
    wanted = [to_fraction.transform(end[:2])[1] for end in ends]
    for (images, score, text, colour), at in zip(
        ends, spread(wanted, LINE / axes.bbox.height * axes.figure.dpi), strict=True
    ):
        axes.annotate(
            text,
            (images, score),
            (1.05, at),
            textcoords="axes fraction",
            verticalalignment="center",
            annotation_clip=False,
            arrowprops={"arrowstyle": "-", "color": colour, "linewidth": 0.7, "shrinkA": 1, "shrinkB": 3},
        )


def spread(heights: list[float], gap: float) -> list[float]:
    """Ascending heights moved as little upwards, then downwards from the top of the chart, as leaves `gap` between."""
    heights = list(heights)
    for i in range(1, len(heights)):
        heights[i] = max(heights[i], heights[i - 1] + gap)
    heights[-1:] = [min(height, 1) for height in heights[-1:]]
    for i in reversed(range(len(heights) - 1)):
        heights[i] = min(heights[i], heights[i + 1] - gap)
    return heights


def legend_below(axes: Axes, section: Section) -> None:
    handles: list[Line2D] = []
    names = [name(group) for group in section.groups]
    for group in section.groups:
        colour, marker = style(group.number)
        handles.append(Line2D([], [], color=colour, marker=marker, markersize=4, linewidth=1.8))
    if section.real is not None:
        handles.append(Line2D([], [], color=FAINT, **DASHES))
        names.append("real images")
    axes.legend(handles, names, loc="upper left", bbox_to_anchor=(-0.1, -0.17))


def curve_end(group: Group) -> tuple[float, float]:
    """Where the mean ends, or the longest run where no two have a place in common."""
    images, mean, _ = group.mean_curve()
    if images:
        return images[-1], mean[-1]
    last = max((curve.last for curve in group.curves), key=lambda evaluation: evaluation.images_seen)
    return last.images_seen, last.scores[group.score]


def name(group: Group) -> str:
    return shortened(group.label, LABEL) + (f" ({len(group.curves)} runs)" if len(group.curves) > 1 else "")


def shortened(text: str, limit: int) -> str:
    return text if len(text) <= limit else f"{text[: limit - 1]}…"
