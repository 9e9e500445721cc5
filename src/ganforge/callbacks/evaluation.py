"""Scores of the generator while it trains."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from lightning import Trainer
from torch import Tensor

from ganforge.artifacts.evaluations import RECORDS
from ganforge.artifacts.records import append_line
from ganforge.callbacks.clock import Periodic
from ganforge.callbacks.interruption import raise_if_interrupted
from ganforge.data.exchanged import Exchanged
from ganforge.data.module import InMemoryData
from ganforge.interfaces import Count
from ganforge.metrics.features import Features
from ganforge.sampling.sampler import Sampler
from ganforge.scoring.evaluator import Evaluator, refuse_statistics
from ganforge.systems.cyclegan import CycleGAN
from ganforge.systems.system import System

BACKWARD = "b_to_a"


class Evaluation(Periodic):
    """Scores as an `Evaluator` does and appends them to `metrics.jsonl`; every rank draws its share of the fakes.

    An interrupted run does not wait for the end of an evaluation; the resumed run makes it again.
    """

    def __init__(self, every: Count, evaluator: Evaluator, run_folder: str) -> None:
        super().__init__(every)
        self.evaluator = evaluator
        self.records = Path(run_folder) / RECORDS

    def on_fit_start(self, trainer: Trainer, module: System) -> None:
        refuse_statistics(self.evaluator.statistics, self.sampler(module))
        data = self.data(trainer)
        if trainer.is_global_zero:
            self.evaluator.prepare(data, module.device, self.sampler(module))
        trainer.strategy.barrier()
        if not trainer.is_global_zero:
            self.evaluator.prepare(data, module.device, self.sampler(module))
        self.evaluator.stamp |= module.stamp()

    def due(self, trainer: Trainer, module: System) -> None:
        fake = self._fakes(trainer, module)
        self.keep(self.evaluator.score(fake) if trainer.is_global_zero else {}, trainer, module)

    def data(self, trainer: Trainer) -> InMemoryData:
        """What is scored against."""
        return trainer.datamodule

    def sampler(self, module: System) -> Sampler:
        """What is scored."""
        return module.sampler(self.evaluator.sample_from)

    def keep(self, scores: dict[str, float], trainer: Trainer, module: System) -> None:
        """The scores, which the first process knows, become those of this moment."""
        progress = module.progress
        progress.scores, progress.scored_at = trainer.strategy.broadcast(scores), progress.images_seen
        self.write(scores, trainer, module, "scores")

    def write(self, scores: dict[str, float], trainer: Trainer, module: System, tag: str, **said: str) -> None:
        """To the loggers below `tag`, and as a line of which also something else is `said`."""
        clock = module.progress.images_seen
        for logger in trainer.loggers:
            logger.log_metrics({f"{tag}/{name}": value for name, value in scores.items()}, clock)
        if trainer.is_global_zero:
            append_line(self.records, self.evaluator.record(clock, scores) | said)

    def _fakes(self, trainer: Trainer, module: System) -> Features:
        """Features and logits of all fakes on every rank, in the order of their latents."""
        sampler = self.sampler(module)
        numbers = self.evaluator.numbers(trainer.global_rank, trainer.world_size)
        blocks: Iterable[Tensor] = self.evaluator.fakes(sampler, numbers)
        if trainer.world_size == 1:
            return self.evaluator.features(stoppable(blocks, trainer, module), numbers)
        mine = [part.to(module.device) for part in self.evaluator.features(blocks, numbers) if part is not None]
        gathered = (trainer.strategy.all_gather(part).transpose(0, 1) for part in mine)
        return Features(*(part.flatten(0, 1)[: self.evaluator.images].cpu() for part in gathered))


class BackwardEvaluation(Evaluation):
    """The same for the sources that a `CycleGAN` makes of images: lines `by` b_to_a, which no best is chosen by."""

    def on_fit_start(self, trainer: Trainer, module: Any) -> None:
        if not isinstance(module, CycleGAN):
            raise ValueError("callbacks=two_directions goes with model=cyclegan: leave it out")
        super().on_fit_start(trainer, module)
        self.evaluator.stamp["direction"] = BACKWARD

    def data(self, trainer: Trainer) -> InMemoryData:
        exchanged = Exchanged(trainer.datamodule)
        exchanged.load_splits()
        return exchanged

    def sampler(self, module: Any) -> Sampler:
        return module.sampler_of("a", self.evaluator.sample_from)

    def keep(self, scores: dict[str, float], trainer: Trainer, module: System) -> None:
        self.write(scores, trainer, module, f"scores_{BACKWARD}", by=BACKWARD)


def stoppable(blocks: Iterable[Tensor], trainer: Trainer, module: System) -> Iterator[Tensor]:
    for block in blocks:
        raise_if_interrupted(trainer, module)
        yield block
