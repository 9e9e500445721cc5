"""The look of the pictures: that of `compare.py`, 7.2 inches wide."""

from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ganforge.comparison.chart import COLOURS, FAINT, STYLE

BLUE, RED, GREEN, YELLOW, *_ = COLOURS
CLOSED: dict[str, Any] = {"color": FAINT, "linewidth": 3, "alpha": 0.5, "solid_capstyle": "butt"}
"""How a closed form is drawn: below what the library computed."""

matplotlib.rcParams.update({**STYLE, "text.parse_math": True, "legend.handlelength": 1.6, "lines.markersize": 4})


def panels(columns: int, rows: int = 1, height: float = 2.9) -> tuple[Figure, list[Axes]]:
    figure = Figure(figsize=(7.2, rows * height), layout="constrained")
    return figure, list(figure.subplots(rows, columns, squeeze=False).flat)


def save(figure: Figure, script: str) -> None:
    """Beside the script, as `<name of the script>.png`."""
    path = Path(script).with_suffix(".png")
    figure.savefig(path, dpi=130, facecolor="white")
    print(f"drawn: {path.name}")
