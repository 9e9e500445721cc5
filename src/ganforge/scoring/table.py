"""Scores side by side, with what they measured above them."""

from typing import Any

from rich.table import Table


def score_table(record: dict[str, Any], columns: dict[str, dict[str, float]]) -> Table:
    """Scores with the stamp of `record` side by side, and what real images score in the place of the generator's.

    For a translator also what its sources score there: those of a copy.
    """
    stamp, real = record["stamp"], record["real"]
    accuracy = f" ({stamp['extractor_accuracy']:.1%} right)" if "extractor_accuracy" in stamp else ""
    table = Table(
        title=f"{stamp['fake_images']:,} fakes and {stamp['real_images']:,} real images ({stamp['split']}), "
        f"seen by {stamp['extractor'].split(':')[0]}{accuracy}",
        title_justify="left",
    )
    table.add_column("score", no_wrap=True)
    for name in columns:
        table.add_column(name, justify="right", overflow="fold")
    beside = {f"{real['images']:,} real": real["scores"]}
    if copied := record.get("copied"):
        beside[f"{copied['images']:,} sources"] = copied["scores"]
    for name in beside:
        table.add_column(name, justify="right", style="dim")
    for name in record["scores"]:
        values = [scores.get(name) for scores in (*columns.values(), *beside.values())]
        table.add_row(name, *("" if value is None else f"{value:.4g}" for value in values))
    return table
