"""Terms of either player beside the loss: in which turns they act, and steps of their own."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from omegaconf import DictConfig
from torch import Tensor

from ganforge.configuration.build import build
from ganforge.interfaces import Turn
from ganforge.regularizers.regularizer import Regularizer

from ..conftest import TINY
from ..product import QUICK


class Distance(Regularizer):
    """Of the fakes from white, for the generator."""

    def generator(self, turn: Turn) -> Tensor:
        return self.weight * (1 - turn.drawn.images).square().mean()


class Sharpness(Regularizer):
    """Of both players' logits: the mean square on real images, and on fakes."""

    def discriminator(self, turn: Turn) -> Tensor:
        assert not turn.drawn.images.requires_grad
        return self.weight * turn.real().logits.square().mean()

    def generator(self, turn: Turn) -> Tensor:
        assert not turn.real().logits.requires_grad
        return self.weight * turn.fake().logits.square().mean()


class Norm(Regularizer):
    """Of the generator's weights: a term that needs no fakes."""

    def generator(self, turn: Turn) -> Tensor:
        return self.weight * sum(weight.square().sum() for weight in turn.generator.parameters())


Composed = Callable[..., DictConfig]


def played(composed: Composed, rounds: int, regularizers: dict[str, Regularizer], *words: str) -> Any:
    """A run with `terms`, the player and the names of terms of each step, and `groups`, the optimizers at first."""
    run = build(composed(*TINY["mlp"], "data=digits", *QUICK, f"images={4 * rounds}", "loss=hinge", *words))
    system = run.system
    system.regularizers.update(regularizers)
    system.configure_optimizers()
    run.terms, run.groups = [], []
    remember, configure = system.remember_terms, system.configure_optimizers

    def spy(player: str, terms: dict[str, Tensor]) -> None:
        run.terms.append((player, sorted(terms)))
        remember(player, terms)

    def configured() -> Any:
        optimizers = configure()
        run.groups = [dict(optimizer.param_groups[0]) for optimizer in optimizers]
        return optimizers

    system.remember_terms, system.configure_optimizers = spy, configured  # type: ignore[method-assign]
    run.fit()
    return run


def test_each_player_minimises_its_own_terms(composed: Composed) -> None:
    run = played(composed, 1, {"distance": Distance(2.0), "sharpness": Sharpness(3.0)})
    assert run.terms == [
        ("discriminator", ["adversarial", "sharpness"]),
        ("generator", ["adversarial", "distance", "sharpness"]),
    ]


def test_a_term_with_an_interval_acts_as_often_as_strongly(composed: Composed) -> None:
    run = played(composed, 4, {"norm": Norm(1.0, interval=2)})
    assert ["norm" in terms for player, terms in run.terms if player == "generator"] == [False, True, False, True]
    norm = sum(weight.square().sum() for weight in run.system.generator.parameters())
    # The last turn's term is of the weights before its step, of which there was one.
    assert run.system.progress.latest["generator/norm"].item() == pytest.approx(2 * norm.item(), rel=0.05)


def test_a_step_of_its_own_leaves_the_others_alone_and_corrects_the_optimizer(composed: Composed) -> None:
    """Karras et al. 2020, appendix B: 4 turns of the generator have 5 steps, 2 of the discriminator 3."""
    words = ("system.lazy=own", "+penalty@_global_=r1", "loss.penalties.r1.interval=2", "optimizer.generator.lr=1e-3")
    run = played(composed, 4, {"norm": Norm(1.0, interval=4)}, *words)
    assert [terms for player, terms in run.terms if player == "discriminator"] == [
        ["adversarial"], ["r1"], ["adversarial"], ["adversarial"], ["r1"], ["adversarial"],
    ]  # fmt: skip
    assert [terms for player, terms in run.terms if player == "generator"] == [*[["adversarial"]] * 4, ["norm"]]
    discriminator, generator = run.groups
    assert generator["lr"] == pytest.approx(1e-3 * 4 / 5)
    assert generator["betas"] == pytest.approx((0.5 ** (4 / 5), 0.999 ** (4 / 5)))
    assert discriminator["lr"] == pytest.approx(2e-4 * 2 / 3)
    assert discriminator["betas"] == pytest.approx((0.5 ** (2 / 3), 0.999 ** (2 / 3)))


def test_a_scheduled_rate_is_corrected_as_well(composed: Composed) -> None:
    words = ("system.lazy=own", "+penalty@_global_=r1", "loss.penalties.r1.interval=2", "schedule=linear")
    run = played(composed, 4, {}, *words)
    discriminator, generator = (optimizer.param_groups[0]["lr"] for optimizer in run.trainer.optimizers)
    assert generator == pytest.approx(2e-4 * (1 - 12 / 16))
    assert discriminator == pytest.approx(generator * 2 / 3)


def test_together_the_optimizer_is_what_the_configuration_says(composed: Composed) -> None:
    run = played(composed, 2, {"norm": Norm(1.0, interval=2)})
    assert [group["lr"] for group in run.groups] == [2e-4, 2e-4]
    assert len(run.terms) == 4


def test_different_intervals_have_no_common_step(composed: Composed) -> None:
    with pytest.raises(ValueError, match=r"lazy terms of the generator need one interval, not \[2, 4\]"):
        played(composed, 1, {"two": Norm(1.0, interval=2), "four": Distance(1.0, interval=4)}, "system.lazy=own")


def test_its_weight_can_follow_a_schedule(composed: Composed) -> None:
    linear = "{_target_: ganforge.systems.schedules.Linear, start: 1.0, end: 0.0, until: 8}"
    config = composed(*TINY["mlp"], "data=digits", *QUICK, "images=8", "loss=hinge", f"+schedule.norm.weight={linear}")
    config.regularizers = {"norm": {"_target_": f"{Regularizer.__module__}.Regularizer", "weight": 5.0}}
    run = build(config)
    run.fit()
    assert run.system.regularizers.member("norm").weight == 0.5
    assert run.system.progress.images_seen == 8


@pytest.mark.parametrize(("arguments", "message"), [((-1.0,), "must not be negative"), ((1.0, 0), "at least 1 turn")])
def test_what_makes_no_sense_is_refused(arguments: tuple[Any, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Regularizer(*arguments)


def test_a_game_without_turns_of_its_own_has_no_place_for_it(composed: Composed) -> None:
    config = composed(*TINY["pix2pix"], "data=digits", *QUICK)
    config.regularizers = {"norm": {"_target_": f"{Regularizer.__module__}.Regularizer", "weight": 5.0}}
    with pytest.raises(ValueError, match="Pix2Pix is none: leave them out"):
        build(config)


def test_two_terms_of_one_name_are_refused(composed: Composed) -> None:
    config = composed(*TINY["mlp"], "data=digits", *QUICK, "loss=r1")
    config.regularizers = {"r1": {"_target_": f"{Regularizer.__module__}.Regularizer", "weight": 5.0}}
    with pytest.raises(ValueError, match="both called r1: rename one"):
        build(config)


def test_what_it_remembers_is_in_checkpoints(composed: Composed) -> None:
    regularizer = Norm(1.0)
    regularizer.register_buffer("mean", torch.zeros(()))
    run = played(composed, 1, {"norm": regularizer})
    assert "regularizers.norm.mean" in run.system.state_dict()
