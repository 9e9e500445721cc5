"""Schedules in closed form, and what follows them."""

from collections.abc import Callable
from typing import Any

import pytest
from omegaconf import DictConfig

from ganforge.callbacks.clock import Periodic
from ganforge.configuration.build import build
from ganforge.systems.averaging import decay
from ganforge.systems.schedules import Cosine, Geometric, Linear, Ramp

from ..conftest import TINY

Compose = Callable[..., DictConfig]
QUICK = [*TINY["mlp"], "metrics=none", "logger=none", "data.image_size=16", "data.batch_size=8", "images=32"]


def test_linear_is_a_straight_line_between_two_constants() -> None:
    schedule = Linear(start=2.0, end=1.0, begin=100, until=300)
    assert [schedule(images) for images in (0, 100, 150, 200, 300, 900)] == [2.0, 2.0, 1.75, 1.5, 1.0, 1.0]


def test_cosine_starts_and_ends_flat_and_is_in_the_middle_halfway() -> None:
    schedule = Cosine(start=0.0, end=4.0, until=400)
    assert [schedule(images) for images in (0, 200, 400)] == pytest.approx([0.0, 2.0, 4.0])
    assert schedule(100) == pytest.approx(4 * (0.5 - 0.5 * 2**-0.5))
    assert schedule(1) < 0.01 * Linear(0.0, 4.0, 400)(1)


def test_ramp_grows_with_the_images_up_to_its_limit() -> None:
    assert [Ramp(share=0.05, limit=100.0)(images) for images in (0, 1000, 2000, 9000)] == [0.0, 50.0, 100.0, 100.0]


def test_geometric_falls_step_by_step_down_to_its_end() -> None:
    schedule = Geometric(start=1.0, end=0.3, ratio=0.5, every=100)
    assert [schedule(images) for images in (0, 99, 100, 199, 200, 900)] == [1.0, 1.0, 0.5, 0.5, 0.3, 0.3]


@pytest.mark.parametrize(("ratio", "every"), [(0.0, 100), (1.0, 100), (1.5, 100), (0.5, 0)])
def test_a_geometric_schedule_that_does_not_fall_is_refused(ratio: float, every: int) -> None:
    with pytest.raises(ValueError, match="needs a ratio between 0 and 1"):
        Geometric(1.0, 0.5, ratio, every)


@pytest.mark.parametrize(("begin", "until"), [(5, 5), (6, 5), (-1, 5)])
def test_a_schedule_that_ends_before_it_begins_is_refused(begin: int, until: int) -> None:
    with pytest.raises(ValueError, match="begins before it ends"):
        Linear(1.0, 0.0, until, begin)


def test_an_average_without_half_life_is_the_generator() -> None:
    assert decay(64, half_life=0.0) == 0.0


class Watch(Periodic):
    """The values in force in every round."""

    def __init__(self) -> None:
        super().__init__(8)
        self.seen: list[dict[str, Any]] = []

    def due(self, trainer: Any, module: Any) -> None:
        generator = module.optimizer_of("generator").param_groups[0]
        self.seen.append(
            {
                "lr": generator["lr"],
                "betas": tuple(generator["betas"]),
                "half_life": module.half_life,
                "r1": module.game.penalties["r1"].weight,
                "p": module.augment.p.item(),
            }
        )


SCHEDULE = "{{_target_:ganforge.systems.schedules.Linear,start:{},end:{},until:32}}"


def watched(composed: Compose, rollbacks: int = 0, checkpoint: Any = None, images: int = 32) -> list[dict[str, Any]]:
    words = [
        "loss=r1", f"images={images}", "schedule.generator.lr.start=1.0", "schedule.generator.lr.until=32",
        "schedule.discriminator.lr.until=32", f"+schedule.generator.beta1={SCHEDULE.format(0.0, 0.8)}",
        f"+schedule.average={{half_life:{SCHEDULE.format(0.0, 40.0)}}}",
        f"+schedule.r1={{weight:{SCHEDULE.format(8.0, 4.0)}}}", "augment=ada", "augment.target=null",
        f"+schedule.augment={{p:{SCHEDULE.format(0.0, 0.4)}}}",
    ]  # fmt: skip
    run, watch = build(composed(*QUICK, "schedule=linear", *words)), Watch()
    run.system.rollbacks = rollbacks
    run.trainer.callbacks.append(watch)
    run.fit(checkpoint)
    return watch.seen


def test_every_round_follows_the_clock(composed: Compose) -> None:
    seen = watched(composed)
    assert [value["lr"] for value in seen] == [1.0, 0.75, 0.5, 0.25]
    assert [value["betas"] for value in seen] == [(pytest.approx(beta), 0.99) for beta in (0.0, 0.2, 0.4, 0.6)]
    assert [value["half_life"] for value in seen] == [0.0, 10.0, 20.0, 30.0]
    assert [value["r1"] for value in seen] == [8.0, 7.0, 6.0, 5.0]
    assert [value["p"] for value in seen] == pytest.approx([0.0, 0.1, 0.2, 0.3])


def test_a_resumed_run_is_where_the_clock_is_and_a_rollback_halves_the_rate(composed: Compose, tmp_path: Any) -> None:
    watched(composed, images=16)
    seen = watched(composed, rollbacks=1, checkpoint=tmp_path / "run" / "checkpoints" / "last.ckpt")
    assert [value["lr"] for value in seen] == [0.25, 0.125]
    assert [value["r1"] for value in seen] == [6.0, 5.0]
    assert [value["p"] for value in seen] == pytest.approx([0.2, 0.3])


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("+schedule.generator.momentum", "of generator, beta1, beta2, lr can follow a schedule"),
        ("+schedule.judge.lr", "schedule.judge.lr: of judge, nothing can follow a schedule"),
        ("+schedule.r2.weight", "of r2, nothing"),
        ("+schedule.augment.p", "of augment, nothing"),
    ],
)
def test_what_follows_no_schedule_is_refused(composed: Compose, word: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build(composed(*QUICK, f"{word}={SCHEDULE.format(1.0, 0.0)}"))


@pytest.mark.parametrize("words", [["augment=ada"], ["augment=diffaugment"]])
def test_what_adapts_or_never_changes_follows_no_schedule(composed: Compose, words: list[str]) -> None:
    with pytest.raises(ValueError, match="of augment, nothing can follow a schedule"):
        build(composed(*QUICK, *words, "loss=r1", f"+schedule.augment.p={SCHEDULE.format(0.0, 1.0)}"))


def test_cosine_is_an_option_of_the_command_line(composed: Compose) -> None:
    system = build(composed(*QUICK, "schedule=cosine")).system
    rates = [schedule(16) for schedule in system.schedules.values()]
    assert rates == pytest.approx([2.5e-4, 2.5e-4])
    assert {type(schedule) for schedule in system.schedules.values()} == {Cosine}


def test_fewer_fakes_teach_as_the_clock_goes_on(composed: Compose) -> None:
    words = ["loss=r1", "regularizer=top_k", "schedule.game.share.every=8", "schedule.game.share.ratio=0.5"]
    run = build(composed(*QUICK, *words, "schedule.game.share.end=0.3"))
    taught: list[int] = []
    generator = run.system.game.adversarial.generator

    def observed(real_logits: Any, fake_logits: Any) -> Any:
        taught.append(len(fake_logits))
        return generator(real_logits, fake_logits)

    run.system.game.adversarial.generator = observed
    run.fit()
    assert taught == [8, 4, 2, 2]


def test_r3gan_has_the_five_schedules_of_its_authors(composed: Compose) -> None:
    """At the start, halfway through half a cosine, and afterwards."""
    small = ["data=digits", "model.generator.width=8", "metrics=none", "logger=none"]
    schedules = build(composed("experiment=r3gan_cifar10", *small)).system.schedules
    expected = {
        "generator.lr": (2e-4, 1.25e-4, 5e-5), "discriminator.lr": (2e-4, 1.25e-4, 5e-5),
        "generator.beta2": (0.9, 0.945, 0.99), "discriminator.beta2": (0.9, 0.945, 0.99),
        "r1.weight": (0.05, 0.0275, 0.005), "r2.weight": (0.05, 0.0275, 0.005),
        "average.half_life": (0, 2_500_000, 5_000_000), "augment.p": (0, 0.275, 0.55),
    }  # fmt: skip
    found = {
        ".".join(names): tuple(schedule(images) for images in (0, 10_000_000, 30_000_000))
        for names, schedule in schedules.items()
    }
    assert found == {name: pytest.approx(values) for name, values in expected.items()}
