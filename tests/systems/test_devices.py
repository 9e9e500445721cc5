"""What a turn may do on a device that works ahead of the program: everything but wait for it."""

import shutil
from collections.abc import Callable
from contextlib import nullcontext
from importlib import import_module
from typing import Any

import pytest
import torch
from lightning.pytorch.callbacks import LambdaCallback
from omegaconf import DictConfig

from ganforge.configuration.build import Experiment, build
from ganforge.data.module import RoundLoader
from ganforge.interfaces import Batch

from ..conftest import ADVERSARIAL, TINY

Compose = Callable[..., DictConfig]
QUICK = ["metrics=none", "logger=none", "data.image_size=16", "data.batch_size=8", "images=80", "log_every=8"]
META = torch.device("meta")
"""Tensors without content: whatever asks for a value, or for a copy in main memory, fails."""


@pytest.fixture
def no_streams_of_such_a_device(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ganforge.systems.system.seed_device", lambda *_: None)
    monkeypatch.setattr("ganforge.losses.game.torch.autocast", lambda kind, **_: nullcontext())
    monkeypatch.setattr(import_module("torch.optim.adam"), "_device_dtype_check_for_fused", lambda *_: None)


def without_content(run: Experiment) -> Experiment:
    """The system and its optimizers as `Trainer.fit` would leave them on another device."""
    system: Any = run.system.to(META)
    system.trainer, run.trainer.strategy._lightning_module = run.trainer, system
    run.trainer.strategy.optimizers = system.configure_optimizers()
    return run


def rounds(run: Experiment, count: int = 3) -> RoundLoader:
    """As the data makes them, that many in a step, with all that is shown on the device."""
    system, data = run.system, run.data
    images = count * system.batches_per_round * data.batch_size
    shown = data._shown(system.needs, torch.device("cpu"))
    shown = {name: part.on(META) if isinstance(part, Batch) else part for name, part in shown.items()}
    place = {"start": 0, "seed": 0, "rank": 0, "ranks": 1, "flip": True, "pauses": [images]}
    return RoundLoader(**shown, batch_size=data.batch_size, turns=system.batches_per_round, **place)


@pytest.mark.usefixtures("no_streams_of_such_a_device")
@pytest.mark.parametrize("loss", ADVERSARIAL)
@pytest.mark.parametrize(
    "words",
    [
        ["system.fakes=fresh"],
        ["system.fakes=shared"],
        ["training.gradient_clip_val=1.0", "condition=projection"],
        ["condition=auxiliary"],
        ["condition=codes"],
    ],
)
def test_a_turn_never_waits_for_the_device(composed: Compose, loss: str, words: list[str]) -> None:
    """From the choice of the images to the average of the weights, with everything observed."""
    run = without_content(build(composed(*TINY["dcgan"], *QUICK, f"loss={loss}", *words)))
    run.system.training_step(next(iter(rounds(run))), 0)
    assert run.system.progress.images_seen == 24 * run.system.game.n_critic
    assert all(value.device == META for value in run.system.progress.latest.values())
    assert "gradient_norm/generator" in run.system.progress.latest


@pytest.mark.usefixtures("no_streams_of_such_a_device")
@pytest.mark.parametrize("model", ["vae", "vae_conv"])
@pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian"])
def test_a_turn_of_an_autoencoder_never_waits_either(composed: Compose, model: str, likelihood: str) -> None:
    run = without_content(build(composed(*TINY[model], *QUICK, f"loss.likelihood={likelihood}")))
    run.system.training_step(next(iter(rounds(run))), 0)
    assert all(value.device == META for value in run.system.progress.latest.values())
    assert "gradient_norm/autoencoder" in run.system.progress.latest


@pytest.mark.usefixtures("no_streams_of_such_a_device")
@pytest.mark.parametrize(
    "loss",
    ["non_saturating", *(pytest.param(loss, marks=pytest.mark.slow) for loss in ("lsgan", "wgan_gp", "relativistic"))],
)
@pytest.mark.parametrize(
    "model",
    [
        "pix2pix",
        "cyclegan",
        "stargan",
        "bigan",
        "ganomaly",
        "srgan",
        "esrgan",
        "sngan",
        "sagan",
        "biggan",
        "r3gan",
        "stylegan2",
        "improved_gan",
        "improved_gan_conv",
    ],
)
def test_turns_of_networks_with_state_never_wait_either(composed: Compose, model: str, loss: str) -> None:
    """With pools that are full after the first rounds, and all that BigGAN and StyleGAN2 have."""
    words = {
        "cyclegan": ["system.pool_size=10"],
        "biggan": ["condition=projection", "regularizer=orthogonal", "system.judging=together"],
        "stylegan2": ["model.generator.mixing=0.9", "regularizer=[path_length]", "condition=projection"],
    }
    run = without_content(build(composed(*TINY[model], *QUICK, f"loss={loss}", *words.get(model, []))))
    run.system.training_step(next(iter(rounds(run))), 0)
    assert run.system.progress.images_seen == 24 * run.system.game.n_critic
    assert all(value.device == META for value in run.system.progress.latest.values())


@pytest.mark.usefixtures("no_streams_of_such_a_device")
def test_a_turn_of_an_encoder_never_waits_either(composed: Compose) -> None:
    run = without_content(build(composed(*TINY["f_anogan"], *QUICK)))
    run.system.training_step(next(iter(rounds(run))), 0)
    assert all(value.device == META for value in run.system.progress.latest.values())


@pytest.mark.usefixtures("no_streams_of_such_a_device")
@pytest.mark.parametrize("model", ["srresnet", "esrgan"])
def test_features_that_content_is_compared_by_never_wait_either(composed: Compose, model: str) -> None:
    words = ["content=[pixels,classifier]", "content.classifier.extractor.max_steps=1"]
    run = build(composed(*TINY[model], *QUICK, *words))
    run.prepare()
    run = without_content(run)
    run.system.training_step(next(iter(rounds(run))), 0)
    assert {"generator/pixels", "generator/classifier"} <= run.system.progress.latest.keys()
    assert all(value.device == META for value in run.system.progress.latest.values())


@pytest.mark.usefixtures("no_streams_of_such_a_device")
@pytest.mark.parametrize(
    "name", ["lecam", "consistency", "balanced_consistency", "latent_consistency", "feature_matching", "top_k"]
)
def test_regularizers_never_wait_either(composed: Compose, name: str) -> None:
    run = without_content(build(composed(*TINY["dcgan"], *QUICK, "loss=r1", f"regularizer={name}")))
    run.system.schedules.clear()
    run.system.game.share = 0.5
    run.system.training_step(next(iter(rounds(run))), 0)
    assert all(value.device == META for value in run.system.progress.latest.values())


@pytest.mark.usefixtures("no_streams_of_such_a_device")
def test_networks_that_grow_never_wait_either(composed: Compose) -> None:
    """Eight rounds: the base, the first level's fade, the level alone, and the beginning of the second one's."""
    growth = ["system.growth.stable=16", "system.growth.fade=16", "loss.n_critic=1"]
    run = without_content(build(composed(*TINY["progan"], *QUICK, *growth)))
    run.system.training_step(next(iter(rounds(run, 8))), 0)
    assert run.system.progress.images_seen == 64
    assert run.system.generator.grown == run.system.averaged.grown == 1.5
    assert all(value.device == META for value in run.system.progress.latest.values())


@pytest.mark.usefixtures("no_streams_of_such_a_device")
@pytest.mark.parametrize("words", [["ada", "augment.groups=[blit,geom,color,filter,noise,cutout]"], ["diffaugment"]])
@pytest.mark.parametrize("system", ["gan", "one_stage"])
def test_what_augments_never_waits_either(composed: Compose, words: list[str], system: str) -> None:
    augment, *options = words
    run = build(composed(*TINY["dcgan"], *QUICK, f"system={system}", "loss=r1", f"augment={augment}", *options))
    run.system.judge(torch.zeros(2, 1, 16, 16), Batch(torch.zeros(2, 1, 16, 16)))  # constants of a size are made once
    system_without = without_content(run).system
    system_without.training_step(next(iter(rounds(run))), 0)
    assert ("augment/p" in system_without.progress.latest) == (augment == "ada")


@pytest.mark.usefixtures("no_streams_of_such_a_device")
def test_asking_for_a_value_would_have_been_noticed(composed: Compose, monkeypatch: pytest.MonkeyPatch) -> None:
    run = without_content(build(composed(*TINY["mlp"], *QUICK)))
    monkeypatch.setattr(type(run.system), "remember", lambda self, values: [value.item() for value in values.values()])
    with pytest.raises((NotImplementedError, RuntimeError), match="meta"):
        run.system.training_step(next(iter(rounds(run))), 0)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a driver")
def test_no_turn_looks_for_a_driver_again(composed: Compose, monkeypatch: pytest.MonkeyPatch) -> None:
    looked = []
    monkeypatch.setenv("PYTORCH_NVML_BASED_CUDA_CHECK", "1")
    monkeypatch.setattr("torch.cuda._raw_device_count_nvml", lambda: looked.append(1) or 0)
    run = build(composed(*TINY["mlp"], *QUICK))
    run.trainer.callbacks.append(LambdaCallback(on_train_start=lambda *_: looked.clear()))
    run.fit()
    assert run.system.progress.images_seen == 80
    assert not looked


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("g++") is None, reason="torch.compile needs a C++ compiler")
@pytest.mark.parametrize("words", [["loss=r1"], ["loss=hinge"], ["loss=wgan_gp"], ["loss=r1", "system.fakes=fresh"]])
def test_compiled_players_lose_as_much(composed: Compose, words: list[str]) -> None:
    """The terms of the first ten rounds, compiled and not."""
    losses = []
    for compiled in ("false", "true"):
        turns = 5 if "loss=wgan_gp" in words else 1
        quick = [*QUICK, f"images={80 * turns}", "data.batch_size=8", f"training.compile={compiled}"]
        run = build(composed(*TINY["dcgan"], *quick, *words))
        found: list[list[float]] = []
        observe = run.system.remember_terms

        def remember(
            player: str, terms: dict[str, Any], found: list[list[float]] = found, observe: Any = observe
        ) -> None:
            found.append([term.item() for term in terms.values()])
            observe(player, terms)

        run.system.remember_terms = remember
        run.fit()
        losses.append(found)
    assert len(losses[0]) == len(losses[1]) == 10 * (turns + 1)
    for eager, compiled_terms in zip(*losses, strict=True):
        assert compiled_terms == pytest.approx(eager, rel=1e-4, abs=1e-5)
