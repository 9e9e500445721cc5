"""A run folder from its first file to the summary that a user sees at the end."""

from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from rich.console import Console
from rich.table import Table

from ganforge.artifacts.files import replacing
from ganforge.artifacts.records import read_lines
from ganforge.ranking import best_evaluation, shown


def start_run_folder(config: DictConfig) -> None:
    """Write the composed configuration and the overrides that led to it."""
    folder = Path(config.paths.run)
    overrides = OmegaConf.create(list(HydraConfig.get().overrides.task))
    for name, content in (("config", config), ("overrides", overrides)):
        with replacing(folder / ".hydra" / f"{name}.yaml") as file:
            file.write(OmegaConf.to_yaml(content).encode())


def show_summary(config: DictConfig) -> float | None:
    """Print the scores beside those of real images, and where everything is; returns the best monitored score.

    In a sweep nothing is printed here: its ranking comes at the end.
    """
    folder = Path(config.paths.run)
    best = best_evaluation(folder) if config.metrics.monitor else None
    score = None if best is None else best["scores"][config.metrics.monitor]
    if HydraConfig.get().mode == RunMode.MULTIRUN:
        return score
    console = Console(highlight=False)
    if best is not None:
        console.print(score_table(best, read_lines(folder / "metrics.jsonl")[-1]))
    where = shown(folder)
    for name, path in (
        ("samples", f"{where}/samples/"),
        ("weights", f"{where}/generator.safetensors"),
        ("look", f"tensorboard --logdir {where}"),
    ):
        console.print(f"{name:8} {path}", soft_wrap=True)
    return score


def score_table(best: dict[str, Any], last: dict[str, Any]) -> Table:
    """Scores at the best and at the last evaluation, and what real training images score in the generator's place."""
    stamp = best["stamp"]
    accuracy = f" ({stamp['extractor_accuracy']:.1%} right)" if "extractor_accuracy" in stamp else ""
    table = Table(
        title=f"{stamp['fake_images']:,} fakes and {stamp['real_images']:,} real images ({stamp['split']}), "
        f"seen by {stamp['extractor'].split(':')[0]}{accuracy}",
        title_justify="left",
    )
    table.add_column("score")
    table.add_column(f"best, {best['images_seen']:,}", justify="right")
    table.add_column(f"last, {last['images_seen']:,}", justify="right")
    table.add_column(f"{best['real']['images']:,} real", justify="right", style="dim")
    for name, value in best["scores"].items():
        table.add_row(name, f"{value:.4g}", f"{last['scores'][name]:.4g}", f"{best['real']['scores'][name]:.4g}")
    return table
