"""Whose turn it is: the alternating optimisation that every adversarial system shares."""

import copy
import math
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Literal

import torch
from lightning import LightningModule
from torch import Tensor, nn

from ganforge.compat.torch import unscale_before_step
from ganforge.interfaces import Batch
from ganforge.losses.game import Game
from ganforge.process.memory import keep_freed_memory
from ganforge.randomness import derived_seed
from ganforge.systems.averaging import decay, update_average
from ganforge.systems.training import Training

OptimizerFactory = Callable[[Iterable[nn.Parameter]], torch.optim.Optimizer]
Ending = Literal["alternating", "shared", "one_stage"]
"""How a round ends: with two turns, each with fakes of its own or both with the same, or with both players at once."""

REMEMBERED = ("images_seen", "observed", "scores", "scored_at", "settled")
"""What a checkpoint holds beside the weights and the optimizers' states."""


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


class AdversarialModule(LightningModule):
    """Two players and a clock. A round is `n_critic` discriminator turns and one generator turn.

    A subclass names the terms of each player. A round's batch holds the real images of all its turns, and a turn
    averages the gradients of `accumulate_grad_batches` of them. The clock is `images_seen`, real images shown to the
    discriminator over all ranks; every random number of a round derives from (seed, rank, images_seen). A training
    step is a few rounds, up to the next moment at which a callback has something to do.

    `ending` says how the last discriminator turn and the generator turn of a round share their work. `alternating`:
    not at all (Goodfellow et al. 2014, algorithm 1). `shared`: the generator answers the same fakes that the
    discriminator has just learnt from, so that it draws them once. `one_stage`: both players' gradients come from one
    pass, before either has moved (Shen et al. 2021, "Training Generative Adversarial Networks in One Stage").

    `observed` holds the latest value of every term, and of the round in which the clock reaches `observe_at` also the
    logits and gradient norms; `scores` holds the latest evaluation, of the moment `scored_at`. Callbacks read both.
    `stop_signal` is the signal that asked for an end, `settled` whether everything that was due at this moment is done.

    Each of `rollbacks` returns from a divergence has halved the learning rates and changed the random stream.
    """

    def __init__(
        self,
        generator: nn.Module,
        discriminator: nn.Module,
        game: Game,
        optimizers: dict[str, OptimizerFactory],
        seed: int,
        average_half_life: float | None = None,
        ending: Ending = "alternating",
        training: Training | None = None,
    ) -> None:
        super().__init__()
        if average_half_life is not None and average_half_life <= 0:
            raise ValueError(f"average_half_life must be positive or null, got {average_half_life}")
        self.automatic_optimization = False
        self.generator = generator
        self.discriminator = discriminator
        self.averaged_generator = copy.deepcopy(generator).requires_grad_(False).eval()
        self.game = game
        self.optimizer_factories = optimizers
        self.seed = seed
        self.average_half_life = average_half_life
        self.ending = ending
        self.settings = training or Training()
        self.images_seen = 0
        self.observed: dict[str, Tensor] = {}
        self.observing, self.observe_at = False, math.inf
        self.keeps_fakes = False
        self.scores: dict[str, float] = {}
        self.scored_at = 0
        self.stop_signal: int | None = None
        self.settled = True
        self.rollbacks = 0
        self._player = "discriminator"

    def discriminator_terms(self, batch: Batch) -> dict[str, Tensor]:
        raise AssertionError("a subclass names the discriminator's terms")

    def generator_terms(self, batch: Batch) -> dict[str, Tensor]:
        raise AssertionError("a subclass names the generator's terms")

    def joint_terms(self, batch: Batch) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """Both players' terms; the gradient of the discriminator's sum is to be each player's own in its weights."""
        raise AssertionError("a subclass finds both players' gradients in one pass")

    @property
    def batches_per_round(self) -> int:
        return self.game.n_critic * self.settings.accumulate_grad_batches

    def configure_optimizers(self) -> list[torch.optim.Optimizer]:
        optimizers = [
            self.optimizer_factories["discriminator"](self.discriminator.parameters()),
            self.optimizer_factories["generator"](self.generator.parameters()),
        ]
        for optimizer in optimizers:
            unscale_before_step(optimizer)
        self.learning_rates = [[group["lr"] for group in optimizer.param_groups] for optimizer in optimizers]
        return optimizers

    def on_train_start(self) -> None:
        """A checkpoint brings the rates of its own time; those of the configuration count, and what has diverged."""
        for optimizer, rates in zip(self.optimizers(), self.learning_rates, strict=True):
            for group, rate in zip(optimizer.param_groups, rates, strict=True):
                group["lr"] = rate * 0.5**self.rollbacks

    def on_fit_start(self) -> None:
        torch.set_float32_matmul_precision(self.settings.matmul_precision)
        if self.device.type == "cpu":
            keep_freed_memory()
        if not torch.cuda.is_available():  # or Lightning's wish has every optimizer step look for a driver again
            os.environ.pop("PYTORCH_NVML_BASED_CUDA_CHECK", None)
        if self.settings.compile:
            for player in (self.generator, self.discriminator):
                player.compile(mode="reduce-overhead" if self.device.type == "cuda" else "default")

    def training_step(self, rounds: list[Batch], batch_idx: int) -> None:
        dtype: Any = self.dtype
        for batch in rounds:
            if self.stop_signal is not None and self.trainer.world_size == 1:
                return
            self.play_round(batch.to_unit_range(dtype))

    def play_round(self, batch: Batch) -> None:
        stream = (self.rollbacks,) if self.rollbacks else ()
        seed_device(derived_seed(self.seed, self.global_rank, self.images_seen, *stream), self.device)
        if self.settings.compile:
            torch.compiler.cudagraph_mark_step_begin()
        images_before = self.images_seen
        self.observing = images_before + len(batch.images) * self.trainer.world_size >= self.observe_at
        *earlier, last = batch.chunks(self.game.n_critic)
        for part in earlier:
            self._discriminator_turn(part)
        if self.ending == "one_stage":
            self._joint_turn(last)
        else:
            self._discriminator_turn(last, self.ending == "shared")
            self._generator_turn(last)
        if self.average_half_life is None:
            keep = 0.0
        else:
            keep = decay(self.images_seen - images_before, self.images_seen, self.average_half_life)
        update_average(self.averaged_generator, self.generator, keep)

    def _discriminator_turn(self, batch: Batch, keep_fakes: bool = False) -> None:
        self.keeps_fakes = keep_fakes
        self._turn("discriminator", self.discriminator_terms, batch)
        self.images_seen += len(batch.images) * self.trainer.world_size

    def _generator_turn(self, batch: Batch) -> None:
        with frozen(self.discriminator):
            self._turn("generator", self.generator_terms, batch)

    def _turn(self, player: str, terms_of: Callable[[Batch], dict[str, Tensor]], batch: Batch) -> None:
        """One optimizer step of `player`: strictly backward, then step, so that a loss scale belongs to one player."""
        discriminator_optimizer, generator_optimizer = self.optimizers()  # type: ignore[attr-defined]
        optimizer = generator_optimizer if player == "generator" else discriminator_optimizer
        optimizer.zero_grad()
        for part in batch.chunks(self.settings.accumulate_grad_batches):
            terms = terms_of(part)
            self._backward(terms)
            self.observe_terms(player, terms)
        self._step(player, optimizer)

    def _joint_turn(self, batch: Batch) -> None:
        """Both players' optimizer steps after one pass through both networks."""
        optimizers = dict(zip(("discriminator", "generator"), self.optimizers(), strict=True))
        for optimizer in optimizers.values():
            optimizer.zero_grad()
        for part in batch.chunks(self.settings.accumulate_grad_batches):
            discriminator_terms, generator_terms = self.joint_terms(part)
            self._backward(discriminator_terms)
            self.observe_terms("discriminator", discriminator_terms)
            self.observe_terms("generator", generator_terms)
        for player, optimizer in optimizers.items():
            self._step(player, optimizer)
        self.images_seen += len(batch.images) * self.trainer.world_size

    def _backward(self, terms: dict[str, Tensor]) -> None:
        self.manual_backward(torch.stack(list(terms.values())).sum() / self.settings.accumulate_grad_batches)

    def _step(self, player: str, optimizer: Any) -> None:
        self._player = player
        optimizer.step()
        if player == "discriminator" and self.game.constraint is not None:
            self.game.constraint(self.discriminator)

    def on_before_optimizer_step(self, optimizer: torch.optim.Optimizer) -> None:
        """Clips and measures gradients here, where a loss scaler has already unscaled them."""
        if self.settings.gradient_clip_val is None and not self.observing:
            return
        parameters = [p for group in optimizer.param_groups for p in group["params"] if p.grad is not None]
        norm = torch.nn.utils.get_total_norm([p.grad for p in parameters])
        self.observe({f"gradient_norm/{self._player}": norm})
        if self.settings.gradient_clip_val is not None:
            torch.nn.utils.clip_grads_with_norm_(parameters, self.settings.gradient_clip_val, norm)

    def observe_terms(self, player: str, terms: dict[str, Tensor]) -> None:
        self.observe({f"{player}/{name}": term for name, term in terms.items()})

    def observe(self, values: dict[str, Tensor]) -> None:
        """Remember the latest values, on their device, for the callbacks to fetch when they are due."""
        self.observed.update({name: value.detach() for name, value in values.items()})

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        checkpoint.update({name: getattr(self, name) for name in REMEMBERED})

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        for name in REMEMBERED:
            setattr(self, name, checkpoint[name])
