"""Rounds of StyleGAN2 with all that goes with it."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from hydra.utils import instantiate
from omegaconf import DictConfig

from ganforge.configuration.build import build

from ..conftest import TINY
from ..product import QUICK, trained

Compose = Callable[..., DictConfig]
WORDS = [*TINY["stylegan2"], *QUICK, "data.image_size=16", "images=40"]
PATHS = "regularizer=[path_length]"


@pytest.mark.parametrize("lazy", ["joint", "own"])
@pytest.mark.parametrize(
    "more",
    [
        ["augment=ada", "augment.every=4", "augment.ramp=100", "model.discriminator.architecture=orig"],
        ["condition=projection", "model.generator.mixing=0.9"],
        ["condition=concat", "augment=ada", "augment.p=0.5", "trainer.precision=bf16-mixed"],
    ],
)
def test_every_part_trains_together(composed: Compose, lazy: str, more: list[str]) -> None:
    moved = trained(composed(*WORDS, PATHS, f"system.lazy={lazy}", *more))
    for part in ("mapping.layers.0.weight", "synthesis.constant", "synthesis.stages.0.strength"):
        assert f"generator.{part}" in moved
    assert "discriminator.first.weight" in moved


def test_the_mean_of_path_lengths_belongs_to_the_run(composed: Compose) -> None:
    run = build(composed(*WORDS, PATHS, "regularizers.path_length.interval=1"))
    run.fit()
    system: Any = run.system
    assert system.state_dict()["regularizers.path_length.mean"] > 0
    assert "generator/path_length" in system.progress.latest
    assert system.averaged.average.equal(system.generator.average)
    assert system.averaged.average.abs().sum() > 0


def test_lazy_steps_correct_the_rates_of_each_player(composed: Compose) -> None:
    rates = ["optimizer.generator.lr=1e-3", "optimizer.discriminator.lr=1e-3"]
    run = build(composed(*WORDS, PATHS, "system.lazy=own", *rates))
    groups = [optimizer.param_groups[0] for optimizer in run.system.configure_optimizers()]
    assert [group["lr"] for group in groups] == pytest.approx([1e-3 * 16 / 17, 1e-3 * 4 / 5])


@pytest.mark.parametrize("model", ["dcgan", "mlp", "sngan"])
def test_a_generator_without_styles_has_no_paths(composed: Compose, model: str) -> None:
    with pytest.raises(ValueError, match="this generator has no styles: use model=stylegan2"):
        build(composed(*TINY[model], *QUICK, "data.image_size=16", PATHS))


def test_published_recipes_have_the_published_networks(composed: Compose) -> None:
    config = composed("experiment=stylegan2_ada_cifar10")
    with torch.device("meta"):
        generator, discriminator = (instantiate(config.model[player]) for player in ("generator", "discriminator"))
    assert sum(weight.numel() for weight in generator.parameters()) == 20_215_315
    assert sum(weight.numel() for weight in discriminator.parameters()) == 23_089_664


@pytest.mark.parametrize("pixels", [32, 256, 1024])
def test_the_recipe_of_own_pictures_follows_their_size_as_published(composed: Compose, pixels: int) -> None:
    config = composed("experiment=stylegan2_ada_folder", "data.path=pictures", f"data.image_size={pixels}")
    batch = min(32, 4096 // pixels)
    assert config.data.batch_size == batch
    assert config.loss.penalties.r1.weight == pytest.approx(0.0002 * pixels**2 / batch)
    assert config.optimizer.discriminator.lr == (2.5e-3 if pixels < 1024 else 2e-3)
    assert config.model.discriminator.channel_base == (16384 if pixels < 512 else 32768)
    assert config.system.average_half_life == batch * 10_000 / 32
    assert config.note.startswith(f"{pixels} pixels: batches of {batch}, ")
