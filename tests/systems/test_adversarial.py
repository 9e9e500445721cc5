"""Whose turn it is: what moves, when, by how much, and from which random numbers."""

import math
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning import LightningModule
from lightning.pytorch.plugins.precision import MixedPrecision
from omegaconf import DictConfig
from torch import Tensor

from ganforge.configuration.build import Experiment, build
from ganforge.interfaces import Inputs
from ganforge.randomness import derived_seed
from ganforge.systems.averaging import decay, update_average
from ganforge.systems.system import frozen

from ..conftest import TINY

Compose = Callable[..., DictConfig]
QUICK = ["metrics=none", "logger=none", "data.image_size=16", "data.batch_size=8", "evaluate_every=1_000_000"]


def experiment(composed: Compose, *overrides: str) -> Experiment:
    return build(composed(*TINY["mlp"], *QUICK, *overrides))


def weights(system: LightningModule) -> Tensor:
    return torch.cat([value.flatten().double() for value in system.state_dict().values()])


def test_same_seed_same_weights_bit_for_bit(composed: Compose) -> None:
    runs = [experiment(composed, "images=80", "loss=wgan_gp") for _ in range(2)]
    for run in runs:
        torch.rand(7)
        run.fit()
    assert torch.equal(weights(runs[0].system), weights(runs[1].system))
    other = experiment(composed, "images=80", "loss=wgan_gp", "seed=1")
    other.fit()
    assert not torch.equal(weights(runs[0].system), weights(other.system))


def test_evaluation_and_samples_leave_the_training_as_it_was(composed: Compose) -> None:
    alone = experiment(composed, "images=80")
    scores = ["metrics=classifier", "metrics.images=50", "metrics.extractor.max_steps=2", "evaluate_every=16"]
    watched = build(composed(*TINY["mlp"], *QUICK, "images=80", *scores))
    alone.fit()
    watched.fit()
    assert torch.equal(weights(alone.system), weights(watched.system))


@pytest.mark.parametrize("turns", [1, 3])
def test_clock_counts_real_images_shown_to_the_discriminator(composed: Compose, turns: int) -> None:
    run = experiment(composed, "images=48", f"loss.n_critic={turns}")
    run.fit()
    assert run.system.progress.images_seen == 48
    discriminator, generator = run.system.optimizers()
    steps = [next(iter(o.state.values()))["step"].item() for o in (discriminator, generator)]
    assert steps == [6, 6 // turns]


def test_each_turn_moves_its_own_player_only(composed: Compose) -> None:
    run = experiment(composed, "images=8")
    system = run.system
    seen: list[tuple[bool, bool]] = []

    def spy(name: str) -> None:
        original = getattr(system, name)

        def wrapped(*arguments: Any) -> None:
            before = {k: v.clone() for k, v in system.state_dict().items()}
            original(*arguments)
            after = system.state_dict()
            moved = {k.split(".")[0] for k in after if not torch.equal(before[k], after[k])}
            seen.append(("discriminator" in moved, "generator" in moved))

        setattr(system, name, wrapped)

    spy("discriminator_turn")
    spy("generator_turn")
    run.fit()
    assert seen == [(True, False), (False, True)]


def test_generator_turn_leaves_no_gradient_in_the_discriminator(composed: Compose) -> None:
    run = experiment(composed, "images=8")
    system = run.system
    grads: list[bool] = []
    original = system.generator_terms

    def terms(*drawn: Any) -> dict[str, Tensor]:
        grads.append(any(p.requires_grad for p in system.discriminator.parameters()))
        system.discriminator.zero_grad()
        return original(*drawn)

    system.generator_terms = terms
    run.fit()
    assert grads == [False]
    assert all(p.grad is None for p in system.discriminator.parameters())
    assert all(p.requires_grad for p in system.discriminator.parameters())


def test_frozen_thaws_after_an_error() -> None:
    layer = torch.nn.Linear(2, 2)
    with pytest.raises(RuntimeError), frozen(layer):
        assert not layer.weight.requires_grad
        raise RuntimeError
    assert layer.weight.requires_grad


def test_what_was_frozen_on_purpose_stays_frozen() -> None:
    layer = torch.nn.Linear(2, 2)
    layer.bias.requires_grad_(False)
    with frozen(layer):
        assert not layer.weight.requires_grad
    assert layer.weight.requires_grad and not layer.bias.requires_grad


def two_groups(parameters: Iterable[torch.nn.Parameter]) -> torch.optim.Optimizer:
    first, *others = parameters
    return torch.optim.Adam([{"params": [first], "lr": 0.25}, {"params": others}], lr=0.5)


def test_parameter_groups_keep_rates_of_their_own_and_a_rollback_halves_each(composed: Compose, tmp_path: Path) -> None:
    """A checkpoint brings the rates that it was saved with, which neither count twice nor instead of the others."""
    rates = {0: [0.25, 0.5], 2: [0.0625, 0.125]}
    checkpoint = None
    for images, rollbacks in ((8, 0), (16, 2), (24, 2)):
        run = experiment(composed, f"images={images}")
        run.system.optimizer_factories = dict.fromkeys(("discriminator", "generator"), two_groups)
        run.system.rollbacks = rollbacks
        run.fit(checkpoint)
        for optimizer in run.system.optimizers():
            assert [group["lr"] for group in optimizer.param_groups] == rates[rollbacks]
        checkpoint = tmp_path / "run" / "checkpoints" / "last.ckpt"


def test_accumulated_gradients_equal_those_of_the_large_batch(composed: Compose) -> None:
    """Both players' first step from 2 x 8 images equals one from 16, with latents held equal."""
    split = experiment(composed, "images=16", "training.accumulate_grad_batches=2", "data.batch_size=8")
    whole = experiment(composed, "images=16", "data.batch_size=16")
    for run in (split, whole):
        stream = iter(torch.randn(2, 16, 100, generator=torch.Generator().manual_seed(0)))
        pieces: list[Tensor] = []

        def fixed(count: int, *_: Any, pieces: list[Tensor] = pieces, stream: Any = stream, **__: Any) -> Tensor:
            if not pieces:
                pieces.extend(next(stream).split(count))
            return pieces.pop(0)

        run.system.latent.sample = fixed
        run.system.game.penalties.clear()
        run.trainer.callbacks = [c for c in run.trainer.callbacks if type(c).__name__ in ("Budget",)]
        run.fit()
    assert split.system.progress.images_seen == whole.system.progress.images_seen == 16
    assert torch.allclose(weights(split.system), weights(whole.system), atol=1e-6)


def test_clipping_bounds_each_players_gradient(composed: Compose) -> None:
    run = experiment(composed, "images=24", "training.gradient_clip_val=0.001", "log_every=1")
    norms: list[float] = []
    original = torch.optim.Adam.step

    def step(self: torch.optim.Adam, *args: Any, **kwargs: Any) -> Any:
        result = original(self, *args, **kwargs)
        grads = [p.grad for group in self.param_groups for p in group["params"]]
        norms.append(torch.nn.utils.get_total_norm(grads).item())
        return result

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.optim.Adam, "step", step)
        run.fit()
    assert len(norms) == 6
    assert max(norms) == pytest.approx(0.001, rel=1e-3)
    assert run.system.progress.latest["gradient_norm/generator"] > 0.001


def test_weight_clipping_holds_after_every_round(composed: Compose) -> None:
    run = experiment(composed, "images=80", "loss=wgan")
    run.fit()
    assert max(p.abs().max().item() for p in run.system.discriminator.parameters()) <= 0.01


def test_randomness_of_a_step_is_a_function_of_seed_rank_and_clock() -> None:
    seeds = {derived_seed(seed, rank, clock) for seed in range(5) for rank in range(5) for clock in range(0, 640, 64)}
    assert len(seeds) == 250
    assert derived_seed(1, 2, 3) == 2904650318439132554, "the same in every process, or no run is repeatable"
    assert derived_seed(1, 23) != derived_seed(12, 3)


def test_average_half_life_is_counted_in_images() -> None:
    average, live = torch.nn.Linear(1, 1, bias=False), torch.nn.Linear(1, 1, bias=False)
    torch.nn.init.ones_(average.weight)
    torch.nn.init.zeros_(live.weight)
    for _ in range(10):
        update_average(average, live, decay(64, half_life=640))
    assert average.weight.item() == pytest.approx(0.5)


def test_average_ramps_up_with_the_clock(composed: Compose) -> None:
    system = experiment(composed, "system.average_half_life=10_000").system
    halves = []
    for images in (64, 100_000, 10_000_000):
        system.progress.images_seen = images
        halves.append(system.half_life)
    assert halves == [pytest.approx(3.2), 5_000, 10_000]


def test_average_copies_batch_statistics() -> None:
    average, live = torch.nn.BatchNorm2d(3), torch.nn.BatchNorm2d(3)
    live(torch.randn(5, 3, 2, 2) * 4 + 1)
    update_average(average, live, 0.9)
    assert torch.equal(average.running_mean, live.running_mean)


def test_samples_come_from_the_average_without_touching_training(composed: Compose) -> None:
    run = experiment(composed, "images=80")
    run.fit()
    system = run.system
    before = torch.random.get_rng_state()
    latents = system.latent.sample(5, generator=torch.Generator().manual_seed(0))
    images, live = (system.sampler(weights).images(Inputs(latents)) for weights in ("ema", "live"))
    assert torch.equal(before, torch.random.get_rng_state())
    assert torch.equal(images, system.averaged(latents))
    assert not live.requires_grad
    assert not torch.equal(images, live)
    assert system.generator.training
    assert images.shape == (5, 1, 16, 16)
    assert images.abs().max() <= 1


def test_without_half_life_the_average_is_the_generator(composed: Compose) -> None:
    run = experiment(composed, "images=24", "system.average_half_life=null")
    run.fit()
    for averaged, live in zip(run.system.averaged.parameters(), run.system.generator.parameters(), strict=True):
        assert torch.equal(averaged, live)


def test_mixed_precision_trains_with_float32_terms(composed: Compose) -> None:
    run = experiment(composed, "images=24", "trainer.precision=bf16-mixed", "loss=wgan_gp")
    run.fit()
    for name, value in run.system.progress.latest.items():
        assert math.isfinite(value.item()), name
        if not name.startswith("logits"):
            assert value.dtype == torch.float32, name


def test_a_loss_scale_never_reaches_the_measured_and_clipped_gradients(composed: Compose) -> None:
    runs = [experiment(composed, "images=8", "training.gradient_clip_val=0.5", "log_every=8") for _ in range(2)]
    half = MixedPrecision("16-mixed", "cpu", torch.amp.GradScaler("cpu", init_scale=1024.0))
    runs[1].trainer.strategy._precision_plugin = half
    for run in runs:
        run.fit()
    for player in ("generator", "discriminator"):
        norms = [run.system.progress.latest[f"gradient_norm/{player}"].item() for run in runs]
        assert norms[1] == pytest.approx(norms[0], rel=0.05), player
    assert not torch.equal(weights(runs[0].system), weights(runs[1].system))


def test_double_precision_trains(composed: Compose) -> None:
    run = experiment(composed, "images=24", "trainer.precision=64-true", "loss=relativistic")
    run.fit()
    assert run.system.progress.images_seen == 24
