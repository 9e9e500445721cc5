"""Curves as a table that a resumed run goes on with."""

import csv
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lightning.pytorch.loggers.logger import Logger
from lightning.pytorch.utilities import rank_zero_only

from ganforge.artifacts.files import replacing


class CsvCurves(Logger):
    """`metrics.csv` in `folder`: a row for each logged moment, `step` being images seen.

    The file is replaced as a whole with each checkpoint. A resumed run keeps the rows before `purge_step`, as
    TensorBoard's writer does.
    """

    name = "csv"
    version = ""

    def __init__(self, folder: str, purge_step: int | None = None) -> None:
        super().__init__()
        self.file = Path(folder) / "metrics.csv"
        self.purge_step = purge_step
        self.rows: list[Mapping[str, Any]] | None = None

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        if self.rows is None:
            self.rows = self._earlier_rows()
        self.rows.append({"step": step, **metrics})

    @rank_zero_only
    def log_hyperparams(self, *_: Any, **__: Any) -> None:
        """They are in the run folder's configuration."""

    @rank_zero_only
    def save(self) -> None:
        if not self.rows:
            return
        names = sorted({name for row in self.rows for name in row} - {"step"})
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, ["step", *names])
        writer.writeheader()
        writer.writerows(self.rows)
        with replacing(self.file) as file:
            file.write(text.getvalue().encode())

    @rank_zero_only
    def finalize(self, status: str) -> None:
        self.save()

    def _earlier_rows(self) -> list[Mapping[str, Any]]:
        if self.purge_step is None or not self.file.exists():
            return []
        with self.file.open(newline="", encoding="utf-8") as file:
            return [row for row in csv.DictReader(file) if int(row["step"]) < self.purge_step]
