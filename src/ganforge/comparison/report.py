"""From folders to the page, the chart, and a table on the terminal."""

import warnings
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ganforge.comparison.chart import save_png
from ganforge.comparison.groups import grouped
from ganforge.comparison.page import mean_text, save_page
from ganforge.comparison.runs import find_fakes, find_runs
from ganforge.comparison.sections import Section, sections, set_aside, titles, unplaced


def compare(folders: list[Path], output: str, score: str | None = None) -> None:
    """Write `output`.html and, where there are scores, `output`.png."""
    runs, fakes = find_runs(folders), find_fakes(folders)
    groups = grouped(runs)
    found = sections(groups, score, fakes)
    page, chart = Path(f"{output}.html"), Path(f"{output}.png")
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing")
        save_page(page, runs, groups, found)
        if found:
            save_png(chart, found)
    console = Console(highlight=False)
    for title, section in zip(titles(found), found, strict=True):
        console.print(table(title, section))
    for run, why in set_aside(runs, found):
        console.print(Text(f"{run.name} {run.state}: {why}"), soft_wrap=True)
    for name in unplaced(fakes, found):
        console.print(Text(f"{name}: its scores measured something else than any run's"), soft_wrap=True)
    console.print(Text(f"page   {page}"), soft_wrap=True)
    if found:
        console.print(Text(f"chart  {chart}"), soft_wrap=True)


def table(title: str, section: Section) -> Table:
    """Mean and standard deviation over the runs of each group."""
    found = Table(title=Text(title), title_justify="left")
    best = "best" if section.score == section.monitor else f"at best {section.monitor}"
    for name in ("configuration", "runs", best, "last"):
        found.add_column(Text(name), justify="left" if name == "configuration" else "right", overflow="fold")
    for group in section.groups:
        scores = (" ".join(mean_text(scores, section.digits)).strip() for scores in (group.best, group.last))
        found.add_row(Text(group.label), str(len(group.curves)), *scores)
    for name, value in section.fakes.items():
        found.add_row(Text(name), "", f"{value:,.{section.digits}f}", "")
    if section.real is not None:
        found.add_row("real images", "", f"{section.real:,.{section.digits}f}", "", style="dim")
    return found
