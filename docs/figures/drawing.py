"""The look of the pictures: that of `compare.py`, 7.2 inches wide."""

import io
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

from ganforge.comparison.chart import COLOURS, FAINT, STYLE

BLUE, RED, GREEN, YELLOW, *_ = COLOURS
CLOSED: dict[str, Any] = {"color": FAINT, "linewidth": 3, "alpha": 0.5, "solid_capstyle": "butt"}
"""How a closed form is drawn: below what the library computed."""


def panels(columns: int, rows: int = 1, height: float = 2.9) -> tuple[Figure, list[Axes]]:
    matplotlib.rcParams.update({**STYLE, "text.parse_math": True, "legend.handlelength": 1.6, "lines.markersize": 4})
    figure = Figure(figsize=(7.2, rows * height), layout="constrained")
    return figure, list(figure.subplots(rows, columns, squeeze=False).flat)


def save(figure: Figure, script: str) -> None:
    """Beside the script, as `<name of the script>.png`, in 256 colours."""
    path, buffer = Path(script).with_suffix(".png"), io.BytesIO()
    figure.savefig(buffer, format="png", dpi=130, facecolor="white")
    Image.open(buffer).convert("RGB").quantize(256, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE).save(
        path, optimize=True
    )
    print(f"drawn: {path.name}")
