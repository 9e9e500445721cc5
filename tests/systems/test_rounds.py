"""How the last two turns of a round share fakes, or a pass, against the same mathematics done the long way."""

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
from omegaconf import DictConfig
from torch import Tensor

from ganforge.callbacks.clock import Budget
from ganforge.configuration.build import Experiment, build
from ganforge.interfaces import Batch

from ..conftest import TINY

Compose = Callable[..., DictConfig]
QUICK = ["metrics=none", "logger=none", "data.image_size=16", "data.batch_size=8", "images=8"]


def experiment(composed: Compose, *overrides: str, model: str = "mlp") -> Experiment:
    """With its budget as the only callback, so that nothing but turns draws latents."""
    run = build(composed(*TINY[model], *QUICK, *overrides))
    run.trainer.callbacks = [callback for callback in run.trainer.callbacks if isinstance(callback, Budget)]
    return run


def weights(system: Any) -> Tensor:
    return torch.cat([value.flatten().double() for value in system.parameters()])


@pytest.mark.parametrize("words", [["loss.n_critic=3", "images=48"], ["training.accumulate_grad_batches=2"]])
def test_shared_fakes_are_those_that_both_turns_would_have_drawn(composed: Compose, words: list[str]) -> None:
    """Alternating turns that are given the same latents twice end with the same weights, bit for bit."""
    shared = experiment(composed, "system.fakes=shared", *words)
    twice = experiment(composed, "system.fakes=fresh", *words)
    drawn: list[Tensor] = []
    draw = shared.system.latent.sample

    def recorded(*arguments: Any, **options: Any) -> Tensor:
        drawn.append(draw(*arguments, **options))
        return drawn[-1]

    shared.system.latent.sample = recorded
    shared.fit()
    turns, parts = shared.system.game.n_critic, shared.system.settings.accumulate_grad_batches
    assert len(drawn) == turns * parts * shared.system.progress.images_seen // (8 * turns * parts)
    per_round = [drawn[start : start + turns * parts] for start in range(0, len(drawn), turns * parts)]
    replay = iter([z for latents in per_round for z in (*latents, *latents[-parts:])])
    twice.system.latent.sample = lambda *_, **__: next(replay)
    twice.fit()
    assert torch.equal(weights(shared.system), weights(twice.system))


def test_batch_statistics_of_shared_fakes_update_once(composed: Compose) -> None:
    run = experiment(composed, "system.fakes=shared", "loss=hinge", model="dcgan")
    run.fit()
    counts = {
        int(value) for name, value in run.system.generator.named_buffers() if name.endswith("num_batches_tracked")
    }
    assert counts == {1}


@pytest.mark.parametrize("loss", ["minimax", "non_saturating", "lsgan", "wgan", "wgan_gp", "relativistic", "r1"])
def test_one_stage_gradients_are_those_of_two_passes(composed: Compose, loss: str) -> None:
    """Both players' gradients at the same weights, from one pass, and from a loss and a pass for each."""
    words = [f"loss={loss}", "loss.n_critic=1", "trainer.precision=64-true", "normalization.discriminator=layer"]
    run = experiment(composed, "system=one_stage", *words)
    system, found = run.system, {}
    before = copy.deepcopy(system).double()
    latents: list[Tensor] = []
    draw = system.latent.sample

    def recorded(*arguments: Any, **options: Any) -> Tensor:
        latents.append(draw(*arguments, **options))
        return latents[-1]

    advance = system.advance

    def remember(batch: Batch) -> None:
        found.update({player: [p.grad.clone() for p in getattr(system, player).parameters()] for player in players})
        advance(batch)

    players = system.players
    system.latent.sample, system.advance = recorded, remember
    batches: list[Batch] = []
    play = system.play_round
    system.play_round = lambda batch: (batches.append(batch), play(batch))
    penalties, system.game.penalties = system.game.penalties, {}
    run.fit()
    assert penalties or loss not in ("wgan_gp", "r1")
    real, (z,) = batches[0].images, latents
    adversarial, fake = system.game.adversarial, before.generator(z.double())
    logits = before.discriminator(real).logits, before.discriminator(fake).logits
    expected = {
        "discriminator": adversarial.discriminator(*logits),
        "generator": adversarial.generator(lambda: logits[0].detach(), logits[1]),
    }
    for player, cost in expected.items():
        gradients = torch.autograd.grad(cost, list(getattr(before, player).parameters()), retain_graph=True)
        for mine, theirs in zip(found[player], gradients, strict=True):
            assert torch.allclose(mine, theirs, rtol=1e-9, atol=1e-12)


def test_one_stage_penalises_without_moving_the_generator(composed: Compose) -> None:
    """A penalty of any weight leaves the generator's first step as it is."""
    ends = []
    for weight in (0.0, 50.0):
        run = experiment(composed, "system=one_stage", "loss=r1", f"loss.penalties.r1.weight={weight}")
        run.fit()
        ends.append(run.system)
    assert {"discriminator/adversarial", "discriminator/r1", "generator/adversarial"} <= set(ends[0].progress.latest)
    assert torch.equal(weights(ends[0].generator), weights(ends[1].generator))
    assert not torch.equal(weights(ends[0].discriminator), weights(ends[1].discriminator))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["loss=hinge", "normalization.discriminator=layer"], "no gradient for fakes that it is sure of"),
        (["loss=non_saturating"], "batch norm in the discriminator"),
    ],
)
def test_games_without_one_stage_are_refused(composed: Compose, words: list[str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        experiment(composed, "system=one_stage", *words, model="dcgan")
