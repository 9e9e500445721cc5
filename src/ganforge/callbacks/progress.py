"""The progress of a run on the terminal, counted in images."""

from typing import Any

from lightning import Trainer
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.text import Text

from ganforge.callbacks.clock import Periodic
from ganforge.interfaces import Count
from ganforge.process.terminal import plain_console
from ganforge.systems.system import System


class ImagesPerSecond(ProgressColumn):
    """The recent rate, in images per second."""

    def render(self, task: Task) -> Text:
        return Text(f"{task.speed or 0:,.0f}/s", style="cyan")


class ProgressBar(Periodic):
    """Rate, time left, each player's loss and the last monitored score.

    Where the output is no terminal there is a plain line instead, after each evaluation, every `line_every` images and
    at the end; nothing is shown without `show`.
    """

    def __init__(self, every: Count, line_every: Count, images: int, monitor: str | None, show: bool = True) -> None:
        super().__init__(every)
        self.line_every, self.images, self.monitor, self.show = line_every, images, monitor, show
        self.shown_scores: dict[str, float] = {}
        self.last_line = 0
        self.console = plain_console()

    def on_train_start(self, trainer: Trainer, module: System) -> None:
        if not trainer.is_global_zero:
            return
        self.progress = Progress(
            TextColumn("{task.completed:,.0f}/{task.total:,.0f} images"),
            BarColumn(bar_width=12),
            ImagesPerSecond(),
            TimeRemainingColumn(compact=True),
            TextColumn("{task.description}"),
            console=self.console,
            disable=not (self.show and self.console.is_terminal),
            speed_estimate_period=10,
        )
        self.shown_scores, self.last_line = module.progress.scores, module.progress.images_seen
        self.task = self.progress.add_task("", total=self.images, completed=module.progress.images_seen)
        self.progress.start()
        super().on_train_start(trainer, module)

    def due(self, trainer: Trainer, module: System) -> None:
        if trainer.is_global_zero:
            done = min(module.progress.images_seen, self.images)
            description = self._description(module)
            self.progress.update(self.task, completed=done, description=description)
            if self.show and not self.console.is_terminal and self._line_is_due(module):
                self.shown_scores, self.last_line = module.progress.scores, module.progress.images_seen
                self.console.print(f"{module.progress.images_seen:,} images {description}", soft_wrap=True)

    def _line_is_due(self, module: System) -> bool:
        if module.progress.scores not in ({}, self.shown_scores) or module.progress.images_seen >= self.images:
            return True
        return module.progress.images_seen // self.line_every > self.last_line // self.line_every

    def _description(self, module: System) -> str:
        losses = dict.fromkeys(module.players, 0.0)
        for name, value in module.progress.latest.items():
            player = name.split("/")[0]
            if player in losses:
                losses[player] += value.item()
        text = " ".join(f"{player[0].upper()} {loss:.2f}" for player, loss in losses.items())
        if self.monitor in module.progress.scores:
            text += f" {self.monitor.split('_')[0]} {module.progress.scores[self.monitor]:.4g}"
        return text

    def on_train_end(self, trainer: Trainer, module: System) -> None:
        super().on_train_end(trainer, module)
        self._stop(trainer)

    def on_exception(self, trainer: Trainer, module: System, exception: BaseException) -> None:
        self._stop(trainer)

    def _stop(self, trainer: Trainer) -> None:
        if trainer.is_global_zero and hasattr(self, "progress"):
            self.progress.stop()

    def __getstate__(self) -> dict[str, Any]:
        """Without the console, which no other process can use."""
        return {name: value for name, value in self.__dict__.items() if name != "console"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self.console = plain_console()
