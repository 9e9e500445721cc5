"""What all games have in common: players that take turns, and a clock of images seen."""

import copy
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any, ClassVar, Literal

import torch
from lightning import LightningModule
from torch import Tensor, nn

from ganforge.compat.torch import unscale_before_step
from ganforge.detection.detectors import Detector
from ganforge.interfaces import Batch, Cached, Progress, Terms
from ganforge.process.memory import keep_freed_memory
from ganforge.randomness import derived_seed
from ganforge.sampling.sampler import Sampler
from ganforge.systems.averaging import RAMP_UP, decay, update_average
from ganforge.systems.replicas import Replicas, average_gradients, share_buffers
from ganforge.systems.schedules import Schedule
from ganforge.systems.training import Training

OptimizerFactory = Callable[[Iterable[nn.Parameter]], torch.optim.Optimizer]


class System(LightningModule):
    """Players and a clock. A subclass says in `play` who moves when, and what each player minimises.

    A player is an attribute, a network or a team of networks, with one optimizer. A turn is one step of it on the
    mean gradient of `training.accumulate_grad_batches` batches. A round is what `play` does with one batch, which
    holds the real images of all its turns. A training step is a few rounds, up to the next moment at which a callback
    is due.

    The clock is `progress.images_seen`, real images shown over all ranks. Every random number of a round derives from
    (seed, rank, images_seen). Each of `rollbacks` returns from a divergence has halved the learning rates and changed
    the random stream. `schedules` set the learning rate and betas of a player, or the half-life of the average, at
    the start of every round. `stop_signal` is the signal that asked for an end.
    """

    players: ClassVar[tuple[str, ...]]
    averaged: Any
    averages: ClassVar[dict[str, str]]
    """The moving averages, and the player of which each is: `averaged` is of what draws."""
    plays: ClassVar[type]
    """What `loss=` must make."""
    goes_with: ClassVar[str]
    """Choices of `model=` and `loss=` for this system, in words."""
    needs: ClassVar[frozenset[str]] = frozenset()
    """What it needs of the data's `gives`; "labelled": labelled images beside those of a batch."""
    drawing: ClassVar[dict[str, str]] = {"ema": "averaged", "live": "generator"}
    """Where the weights are of what draws, the averaged ones and those of the last turn; none where nothing draws."""
    refused_precisions: ClassVar[dict[str, str]] = {}
    """Those of `trainer.precision` that make no sense, and what to do instead."""

    def __init__(
        self,
        networks: dict[str, nn.Module],
        /,
        optimizers: dict[str, OptimizerFactory],
        seed: int,
        average_half_life: float | None = None,
        training: Training | None = None,
        schedules: Mapping[str, Mapping[str, Schedule]] | None = None,
    ) -> None:
        super().__init__()
        if average_half_life is not None and average_half_life <= 0:
            raise ValueError(f"average_half_life must be positive or null, got {average_half_life}")
        self.automatic_optimization = False
        for player, network in networks.items():
            self.add_module(player, network)
        for average, player in self.averages.items():
            self.add_module(average, copy.deepcopy(networks[player]).requires_grad_(False).eval())
        self.optimizer_factories = optimizers
        self.seed = seed
        self.average_half_life = average_half_life
        self.settings = training or Training()
        self.schedules = {
            (owner, key): schedule for owner, keys in (schedules or {}).items() for key, schedule in keys.items()
        }
        self.progress = Progress()
        self.measuring = False
        self.stop_signal: int | None = None
        self.rollbacks = 0

    def play(self, batch: Batch) -> None:
        """One round; moves the clock by `advance`."""
        raise AssertionError("a subclass plays the round")

    def sampler(self, weights: Literal["ema", "live"] = "ema") -> Sampler:
        """What draws from the averaged weights, or from those of the last turn."""
        raise AssertionError("a subclass has something to draw")

    def detector(self) -> Detector | None:
        """What tells abnormal images, with the averaged weights: a copy; None where the system has none."""
        return None

    @property
    def inherits(self) -> dict[str, str]:
        """The networks that `init_from=` brings, and what each is called in the other run."""
        return {name: name for name in (*self.players, *self.averages)}

    def finished(self) -> dict[str, nn.Module]:
        """The averaged networks that a run leaves, by the names of their files; the generator is what draws."""
        return {"generator": self.sampler().network}

    def prepare(self, train: Batch, held_out: Batch, cached: Cached) -> None:
        """What a system has to learn of the data before its first round; `cached` is as of a `FeatureExtractor`."""

    def stamp(self) -> dict[str, Any]:
        """What is to be said of its training beside its scores, once it is prepared."""
        return {}

    def pictures(self, held_out: Batch) -> dict[str, Tensor]:
        """What is to be seen beside samples, or in their place: names, and images (rows, columns, C, H, W) in [-1, 1].

        `held_out` are some images of which none was trained with, on the device and in [-1, 1].
        """
        return {}

    def batch_multiple(self, images_seen: int) -> int:
        """How many times `data.batch_size` images a batch has that is shown at this moment."""
        return 1

    @property
    def largest_batch_multiple(self) -> int:
        return 1

    @property
    def batches_per_round(self) -> int:
        """Batches of `data.batch_size` images over all ranks."""
        return self.settings.accumulate_grad_batches

    def configure_optimizers(self) -> list[torch.optim.Optimizer]:
        """One for each player, in the order of `players`."""
        optimizers = [self.optimizer_factories[player](getattr(self, player).parameters()) for player in self.players]
        for player, optimizer in zip(self.players, optimizers, strict=True):
            unscale_before_step(optimizer)
            for group in optimizer.param_groups if self.correction(player) != 1 else ():
                correct(group, self.correction(player))
        self.learning_rates = [[group["lr"] for group in optimizer.param_groups] for optimizer in optimizers]
        self.refuse_unknown_schedules(dict(zip(self.players, optimizers, strict=True)))
        return optimizers

    def correction(self, player: str) -> float:
        """Turns for each of the player's steps: its rate is multiplied by it, and its betas are raised to it."""
        return 1.0

    def refuse_unknown_schedules(self, optimizers: dict[str, torch.optim.Optimizer]) -> None:
        for owner, key in self.schedules:
            known = scheduled_keys(optimizers[owner]) if owner in optimizers else self.scheduled_keys(owner)
            if key not in known:
                names = ", ".join(sorted(known)) or "nothing"
                raise ValueError(f"schedule.{owner}.{key}: of {owner}, {names} can follow a schedule")

    def scheduled_keys(self, owner: str) -> set[str]:
        """What can follow a schedule besides the optimizers' settings."""
        return {"half_life"} if owner == "average" and self.average_half_life is not None else set()

    def follow(self, owner: str, key: str, value: float) -> None:
        """Set what a schedule says; a divergence has halved learning rates before."""
        if owner == "average":
            self.average_half_life = value
            return
        correction = self.correction(owner)
        for group in self.optimizer_of(owner).param_groups:
            if key == "lr":
                group["lr"] = value * correction * 0.5**self.rollbacks
            else:
                first, second = group["betas"]
                beta = value**correction
                group["betas"] = (beta, second) if key == "beta1" else (first, beta)

    def on_fit_start(self) -> None:
        torch.set_float32_matmul_precision(self.settings.matmul_precision)
        if self.device.type == "cpu":
            keep_freed_memory()
        if not torch.cuda.is_available():  # or Lightning's wish has every optimizer step look for a driver again
            os.environ.pop("PYTORCH_NVML_BASED_CUDA_CHECK", None)
        if self.settings.compile:
            for player in self.players:
                getattr(self, player).compile(mode="reduce-overhead" if self.device.type == "cuda" else "default")

    def on_train_start(self) -> None:
        """A checkpoint brings the rates of its own time; those of the configuration count, and what has diverged."""
        for optimizer, rates in zip(self.trainer.optimizers, self.learning_rates, strict=True):
            for group, rate in zip(optimizer.param_groups, rates, strict=True):
                group["lr"] = rate * 0.5**self.rollbacks

    def training_step(self, rounds: list[Batch], batch_idx: int) -> None:
        dtype: Any = self.dtype
        for batch in rounds:
            if self.stop_signal is not None and self.trainer.world_size == 1:
                return
            self.play_round(batch.to_unit_range(dtype))
        if isinstance(self.trainer.strategy, Replicas):
            share_buffers(self)

    def play_round(self, batch: Batch) -> None:
        before = self.progress.images_seen
        stream = (self.rollbacks,) if self.rollbacks else ()
        if before == 0:
            seed_device(derived_seed(self.seed, "start", *stream), self.device)
            self.start_from(batch)
        seed_device(derived_seed(self.seed, self.global_rank, before, *stream), self.device)
        if self.settings.compile:
            torch.compiler.cudagraph_mark_step_begin()
        every, after = self.settings.measure_every, before + len(batch.images) * self.trainer.world_size
        self.measuring = after // every > before // every
        for (owner, key), schedule in self.schedules.items():
            self.follow(owner, key, schedule(before))
        self.play(batch)
        self.update_averages(decay(self.progress.images_seen - before, self.half_life))

    def start_from(self, batch: Batch) -> None:
        """What networks take from the first round's batch before it; random numbers are alike in all processes."""

    def update_averages(self, decay: float) -> None:
        for average, player in self.averages.items():
            update_average(getattr(self, average), getattr(self, player), decay)

    @property
    def half_life(self) -> float:
        """Of the average now, in images: what a schedule says, or else a constant that is ramped up."""
        if self.average_half_life is None or ("average", "half_life") in self.schedules:
            return self.average_half_life or 0.0
        return min(self.average_half_life, RAMP_UP * self.progress.images_seen)

    def parts(self, batch: Batch) -> list[Batch]:
        """The batches whose gradients a turn averages."""
        return batch.chunks(self.settings.accumulate_grad_batches)

    def turn(self, player: str, terms: Iterable[Terms]) -> None:
        """One optimizer step of `player` on the sum of its terms, which are asked for batch by batch.

        Strictly backward, then step, so that a loss scale belongs to one player.
        """
        self.optimizer_of(player).zero_grad()
        for of_batch in terms:
            self.backward_through(of_batch)
            self.remember_terms(player, of_batch)
        self.step(player)

    def step(self, player: str) -> None:
        """On the gradients of all processes."""
        if isinstance(self.trainer.strategy, Replicas):
            average_gradients(getattr(self, player).parameters())
        self.optimizer_of(player).step()

    def optimizer_of(self, player: str) -> Any:
        optimizers = self.optimizers()
        return optimizers[self.players.index(player)] if isinstance(optimizers, list) else optimizers

    def backward_through(self, terms: Terms) -> None:
        self.manual_backward(torch.stack(list(terms.values())).sum() / self.settings.accumulate_grad_batches)

    def advance(self, batch: Batch) -> None:
        """Move the clock: every rank has seen as many images."""
        self.progress.images_seen += len(batch.images) * self.trainer.world_size

    def on_before_optimizer_step(self, optimizer: torch.optim.Optimizer) -> None:
        """Clips and measures gradients here, where a loss scaler has already unscaled them."""
        if self.settings.gradient_clip_val is None and not self.measuring:
            return
        parameters = [p for group in optimizer.param_groups for p in group["params"] if p.grad is not None]
        norm = torch.nn.utils.get_total_norm([p.grad for p in parameters])
        player = self.players[self.trainer.optimizers.index(optimizer)]
        self.remember({f"gradient_norm/{player}": norm})
        if self.settings.gradient_clip_val is not None:
            torch.nn.utils.clip_grads_with_norm_(parameters, self.settings.gradient_clip_val, norm)

    def remember_terms(self, player: str, terms: Terms) -> None:
        self.remember({f"{player}/{name}": term for name, term in terms.items()})

    def remember(self, values: Terms) -> None:
        """Keep the latest values, on their device, for the callbacks to fetch when they are due."""
        self.progress.latest.update({name: value.detach() for name, value in values.items()})

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        checkpoint["progress"] = asdict(self.progress)

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        self.progress = Progress(**checkpoint["progress"])


def correct(group: dict[str, Any], correction: float) -> None:
    group["lr"] *= correction
    if "betas" in group:
        group["betas"] = tuple(beta**correction for beta in group["betas"])


def scheduled_keys(optimizer: torch.optim.Optimizer) -> set[str]:
    return {"lr", "beta1", "beta2"} if "betas" in optimizer.defaults else {"lr"}


def seed_device(seed: int, device: torch.device) -> None:
    """Restart the random streams that a round on `device` draws from; `torch.manual_seed` looks at all others too."""
    torch.default_generator.manual_seed(seed)
    if device.type != "cpu":
        torch.get_device_module(device).manual_seed(seed)


@contextmanager
def frozen(module: nn.Module) -> Iterator[None]:
    """Inside, gradients flow through `module` but not into its parameters. Those frozen before stay so afterwards."""
    trained = [parameter for parameter in module.parameters() if parameter.requires_grad]
    for parameter in trained:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in trained:
            parameter.requires_grad_(True)
