"""Growth by the clock: its schedule, what real images look like meanwhile, and what the optimizers remember."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from lightning.pytorch.callbacks import LambdaCallback
from omegaconf import DictConfig
from torch import Tensor
from torch.nn.functional import avg_pool2d

from ganforge.configuration.build import build
from ganforge.networks import progan
from ganforge.systems.growth import Growth
from ganforge.systems.progressive import coarse

from ..conftest import ADVERSARIAL, TINY

Compose = Callable[..., DictConfig]
QUICK = [
    *TINY["progan"], "metrics=none", "logger=none", "data.image_size=16", "data.batch_size=8", "loss.n_critic=1",
    "system.growth.stable=32", "system.growth.fade=48", "evaluate_every=100_000", "log_every=8",
]  # fmt: skip
"""Levels of 4, 8 and 16 pixels; fades are from 32 to 80, and from 112 to 160 images."""


@pytest.mark.parametrize(
    ("thousands", "level"),
    [
        (0, 0), (599, 0), (600, 0), (900, 0.5), (1_200, 1), (1_800, 1), (2_100, 1.5), (2_399, 1 + 599 / 600),
        (2_400, 2), (3_000, 2), (3_600, 3), (4_200, 3), (15_000, 12.0),
    ],
)  # fmt: skip
def test_published_growth(thousands: int, level: float) -> None:
    """CIFAR-10's three doublings are complete after 3.6 million images."""
    assert Growth()(1000 * thousands) == pytest.approx(level)


def test_growth_is_straight_in_a_fade_and_stops_in_between() -> None:
    growth = Growth(stable=4, fade=2)
    assert [growth(images) for images in range(13)] == [0, 0, 0, 0, 0, 0.5, 1, 1, 1, 1, 1, 1.5, 2]


@pytest.mark.parametrize("lacking", [0.0, 0.25, 1.0, 1.6, 2.0])
def test_real_images_lose_details_as_networks_see_them(lacking: float) -> None:
    """Means over squares of pixels, of two sizes in a fade."""
    images = torch.randn(2, 3, 16, 16, dtype=torch.float64)

    def squares(side: int) -> Tensor:
        return avg_pool2d(images, side).repeat_interleave(side, 2).repeat_interleave(side, 3)

    finer, coarser = squares(2 ** int(lacking)), squares(2 ** (int(lacking) + 1))
    assert torch.allclose(coarse(images, lacking), finer + lacking % 1 * (coarser - finer), atol=1e-12)


@pytest.mark.parametrize("level", [0.0, 0.5, 1.0, 1.25, 2.0])
def test_a_discriminator_sees_real_images_of_full_size_as_it_sees_those_that_are_shown(level: float) -> None:
    """At whole levels; in a fade the details of the last one are mixed, which it would not know of a full image."""
    discriminator = progan.Discriminator(16, 3, fmap_base=32, fmap_max=8).double()
    discriminator.grow(level)
    images = torch.randn(4, 3, 16, 16, dtype=torch.float64)
    there, here = (discriminator(shown).logits for shown in (images, coarse(images, 2 - level)))
    assert torch.allclose(there, here, atol=1e-12) == (level in (0, 1, 2))


def observed(config: DictConfig, observe: Callable[[Any], None]) -> Any:
    """Trains with `observe` called after every round."""
    config.callbacks.interruption.every = 8
    run = build(config)
    run.trainer.callbacks.append(LambdaCallback(on_train_batch_end=lambda _trainer, system, *_: observe(system)))
    run.fit()
    return run.system


def test_all_networks_grow_with_the_clock_and_not_beyond_their_levels(composed: Compose) -> None:
    levels = []

    def observe(system: Any) -> None:
        networks = system.generator, system.discriminator, system.averaged
        (level,) = {network.grown for network in networks}
        assert {network.level.item() for network in networks} == {level}
        assert system.progress.latest["growth/level"] == level
        levels.append((system.progress.images_seen - 8, level))

    observed(composed(*QUICK, "images=184"), observe)
    growth = Growth(32, 48)
    assert levels == [(seen, pytest.approx(min(growth(seen), 2))) for seen in range(0, 184, 8)]


def test_moments_are_forgotten_where_a_fade_begins_or_ends(composed: Compose) -> None:
    """As in the authors' code. A weight has moments once it is in use."""
    steps: list[tuple[int, int, int]] = []

    def observe(system: Any) -> None:
        known = [optimizer.state for optimizer in system.trainer.optimizers]
        (count,) = {int(state["step"]) for states in known for state in states.values()}
        weights = sum(len(states) for states in known)
        steps.append((system.progress.images_seen - 8, count, weights))

    observed(composed(*QUICK, "images=184"), observe)
    counts = {seen: count for seen, count, _ in steps}
    ends = [seen for seen, count in counts.items() if count == 1]
    assert ends == [0, 40, 80, 120, 160]
    assert counts == {seen: (seen - max(end for end in ends if end <= seen)) // 8 + 1 for seen in counts}
    weights = {seen: count for seen, _, count in steps}
    assert weights[32] < weights[80] < weights[40] and weights[80] < weights[160] < weights[120]


def test_levels_that_are_not_in_use_keep_their_weights(composed: Compose) -> None:
    before = dict(build(composed(*QUICK)).system.named_parameters())
    system = observed(composed(*QUICK, "images=72"), lambda _: None)
    moved = {name for name, weight in system.named_parameters() if not weight.equal(before[name])}
    for player, last in (("generator", "to_images"), ("averaged", "to_images"), ("discriminator", "from_images")):
        for part in ("ups", "downs", last):
            names = {name for name, _ in system.named_parameters() if name.startswith(f"{player}.{part}.")}
            unused = {name for name in names if name.startswith(f"{player}.{part}.{2 if part == last else 1}.")}
            assert names - unused <= moved
            assert not unused & moved


@pytest.mark.parametrize("loss", ADVERSARIAL)
def test_every_loss_grows(composed: Compose, loss: str) -> None:
    words = [word for word in QUICK if not word.startswith("loss.")]
    turns = composed(f"loss={loss}").loss.n_critic
    system = observed(composed(*words, f"loss={loss}", f"images={80 * turns}"), lambda _: None)
    assert system.generator.grown > 0
    assert all(weight.isfinite().all() for weight in system.parameters())


@pytest.mark.parametrize(
    "words",
    [
        ["penalty=r1"],
        ["penalty=r1_r2", "system.lazy=own"],
        ["system.fakes=shared"],
        ["augment=diffaugment", "condition=projection"],
        ["training.gradient_clip_val=1.0", "condition=concat"],
        ["trainer.precision=bf16-mixed", "penalty=gradient_penalty"],
        ["trainer.precision=bf16-true"],
    ],
)
def test_growth_with_whatever_else_a_run_may_have(composed: Compose, words: list[str]) -> None:
    system = observed(composed(*QUICK, *words, "loss=non_saturating", "images=128"), lambda _: None)
    assert system.generator.grown > 1
    assert all(weight.isfinite().all() for weight in system.parameters())


@pytest.mark.parametrize("words", [[], ["training.accumulate_grad_batches=2"], ["loss.n_critic=2"]])
def test_batches_may_be_larger_at_coarse_levels(composed: Compose, words: list[str]) -> None:
    """Also of the loader that a resumed run has, which starts anywhere on the way."""
    larger = ["system.growth.stable=64", "system.growth.fade=32", "system.growth.batch_multiples=[3,2]"]
    run = build(composed(*QUICK, *words, *larger, "images=1"))
    run.trainer.strategy.connect(run.system)
    run.data.trainer = run.trainer
    batches = run.system.batches_per_round
    assert run.images_per_round == 3 * 8 * batches

    def rounds(start: int, count: int) -> list[Any]:
        run.system.progress.images_seen = start
        found: list[Any] = []
        steps = iter(run.data.train_dataloader())
        while len(found) < count:
            found += next(steps)
        return found[:count]

    shown, places = rounds(0, 20), [0]
    for batch in shown:
        level = min(Growth(64, 32)(places[-1]), 2)
        assert len(batch.images) == 8 * batches * (3 if level == 0 else 2 if level <= 1 else 1)
        places.append(places[-1] + len(batch.images))
    for number in (2, 7, 15):
        again = rounds(places[number], 20 - number)
        assert all(one.images.equal(other.images) for one, other in zip(shown[number:], again, strict=True))


def test_a_batch_has_an_image_at_every_level() -> None:
    with pytest.raises(ValueError, match=r"batch_multiples=\[2, 0\] must be at least 1"):
        Growth(batch_multiples=[2, 0])


@pytest.mark.slow
def test_compiled_players_are_compiled_at_every_level(composed: Compose, monkeypatch: pytest.MonkeyPatch) -> None:
    """They have two graphs or more for each part of the growth, and torch makes no more than eight of one function."""
    graphs: list[str] = []
    compile_players = torch.nn.Module.compile

    def compiled(network: torch.nn.Module, **_: Any) -> None:
        def backend(graph: Any, _: Any) -> Any:
            graphs.append(f"{type(network).__name__} of {network.__module__} {system.generator.grown}")
            return graph.forward

        compile_players(network, backend=backend)

    monkeypatch.setattr("torch.nn.Module.compile", compiled)
    monkeypatch.setattr("torch._dynamo.config.fail_on_recompile_limit_hit", True)
    run = build(composed(*QUICK, "images=184", "training.compile=true"))
    system = run.system
    run.fit()
    found = {graph.split()[-1] for graph in graphs}
    assert len(found) == 5, found


def test_networks_that_cannot_grow_are_refused(composed: Compose) -> None:
    with pytest.raises(ValueError, match=r"these networks have no levels; it goes with model=progan"):
        build(composed(*TINY["dcgan"], "system=progressive", "metrics=none", "logger=none", "data.image_size=16"))


def test_without_growth_networks_have_their_full_size(composed: Compose) -> None:
    system = build(composed(*TINY["progan"], "system=gan", "metrics=none", "logger=none")).system
    assert system.generator.grown == system.averaged.grown == system.discriminator.grown == 3


def test_the_model_brings_what_its_paper_needs(composed: Compose) -> None:
    system = build(composed(*TINY["progan"], "metrics=none", "logger=none")).system
    for optimizer in system.configure_optimizers():
        assert (optimizer.defaults["lr"], *optimizer.defaults["betas"]) == (1e-3, 0.0, 0.99)
    assert list(system.game.penalties) == ["gradient_penalty"]
    assert (system.growth.stable, system.growth.fade, list(system.growth.batch_multiples)) == (600_000, 600_000, [])


def test_a_discriminator_that_compares_images_gives_none_a_gradient_of_its_own(composed: Compose) -> None:
    with pytest.raises(ValueError, match="a layer of the discriminator compares the images of a batch"):
        build(composed(*TINY["progan"], "system=one_stage", "loss=r1", "metrics=none", "logger=none"))
