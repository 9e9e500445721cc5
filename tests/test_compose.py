"""The promise: any model x any loss x any shape of data trains, and every ready-made file composes."""

import re
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from hydra import compose, initialize_config_dir
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf

from ganforge.artifacts.records import leaves
from ganforge.configuration.arguments import refuse_wrong_arguments
from ganforge.configuration.build import build, create_data
from ganforge.configuration.needs import has_scores

from .composition import composed_anew, composition
from .conftest import ADVERSARIAL, LOSSES, ROOT, TINY
from .product import FACTORS, QUICK, cells, name_of, pairs_of, pairwise, trained, two_rounds

PAIRWISE = pairwise()
FAST = 48
"""Cells at the beginning, in which most pairs meet."""


@pytest.mark.parametrize(
    "cell",
    [
        pytest.param(cell, id=name_of(cell), marks=[] if number < FAST else [pytest.mark.slow])
        for number, cell in enumerate(PAIRWISE)
    ],
)
def test_every_two_choices_train_together(
    composed: Callable[..., DictConfig], tmp_path: Path, cell: dict[str, Any]
) -> None:
    moved = two_rounds(cell, tmp_path / "images.npz", composed)
    if cell["condition"] in ("auxiliary", "codes", "projection"):
        assert any(name.startswith("discriminator.head.") for name in moved)


def test_every_two_choices_meet() -> None:
    """Of all that go together, by counting."""
    met = set().union(*map(pairs_of, PAIRWISE))
    assert all(pairs_of(cell) <= met for cell in cells())
    assert len(PAIRWISE) < len(TINY) * len(LOSSES)
    for factor, values in FACTORS.items():
        assert {cell[factor] for cell in PAIRWISE} == set(values)


@pytest.mark.parametrize(
    "words",
    [
        [*TINY["cyclegan"], "loss=wgan_gp", "loss.n_critic=3", "data=arrays", "data.path=x.npz", "metrics.images=60"],
        ["+schedule.r1={weight:{a:1}}", "penalty=r1_r2", "optimizer=rmsprop", "optimizer.generator.lr=0.5"],
        ["regularizer=[lecam,top_k]", "data=mixture2d", "~callbacks.samples", "++images=5", "experiment=r3gan_cifar10"],
    ],
)
def test_a_remembered_composition_is_hydras(words: list[str]) -> None:
    """Values, references and flags; twice, as the first is remembered."""
    expected = composed_anew("train", *words)
    for _ in range(2):
        found = composition("train", *words)
        assert OmegaConf.to_yaml(found) == OmegaConf.to_yaml(expected)
        assert found._metadata.flags == expected._metadata.flags == {"struct": True}
        found.images = 7


@pytest.mark.parametrize("word", ["imags=5", "model=mpl", "seed=1,2", "images=[", "+images=3", "~nothing", "modle=mlp"])
def test_what_cannot_be_composed_is_an_error_of_hydras(word: str) -> None:
    with pytest.raises(HydraException) as expected:
        composed_anew("train", word)
    with pytest.raises(type(expected.value), match=re.escape(str(expected.value))):
        composition("train", word)


PLAYED = {(cell["model"], cell["loss"]) for cell in PAIRWISE}


@pytest.mark.parametrize(("model", "loss"), [pair for pair in product(TINY, LOSSES) if pair not in PLAYED])
def test_what_does_not_go_together_is_refused(composed: Callable[..., DictConfig], model: str, loss: str) -> None:
    with pytest.raises(
        ValueError, match=r"makes another game: the system \w+ goes with .*(adversarial|elbo|content|izi_f)"
    ):
        build(composed(*TINY[model], f"loss={loss}", *QUICK))


@pytest.mark.parametrize("sigma", ["null", "0.1"])
def test_an_autoencoder_of_points(composed: Callable[..., DictConfig], sigma: str) -> None:
    words = [*TINY["vae"], "loss.likelihood=gaussian", f"loss.sigma={sigma}", "data=mixture2d", "data.points=100"]
    moved = trained(composed(*words, *QUICK, "images=8"))
    assert ("autoencoder.likelihood.log_sigma" in moved) == (sigma == "null")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["penalty=r1"], "penalty=, constraint= and augment= are for a discriminator"),
        (["constraint=weight_clipping"], "penalty=, constraint= and augment= are for a discriminator"),
        (["augment=diffaugment"], "penalty=, constraint= and augment= are for a discriminator"),
        (["schedule=linear"], "schedule= is for the discriminator, and autoencoder is what learns here"),
        (["condition=projection"], "the autoencoder of this model takes no labels"),
        (["optimizer=rmsprop"], "optimizer= is for the discriminator, and autoencoder is what learns here"),
        (["system=gan"], "loss= makes another game: the system GANModule goes with"),
        (["system=gan", "loss=r1"], "model= has no generator: the system GANModule goes with"),
        (["model.latent.distribution=uniform"], "the prior of a VAE is normal"),
        (["loss.sigma=0.1"], "loss.sigma=0.1: .* of loss.likelihood=gaussian only"),
        (["loss.likelihood=gaussian", "loss.sigma=-1"], "loss.sigma=-1"),
        (["loss.beta=-1"], "loss.beta must be 0 or more"),
        (["data=mixture2d"], "loss.likelihood=bernoulli needs images"),
    ],
)
def test_what_an_autoencoder_has_no_place_for_is_refused(
    composed: Callable[..., DictConfig], words: list[str], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        build(composed(*TINY["vae"], *QUICK, *words))


@pytest.mark.parametrize("layout", ["ring", "grid"])
@pytest.mark.parametrize("loss", ADVERSARIAL)
def test_points_play_every_game(composed: Callable[..., DictConfig], loss: str, layout: str) -> None:
    overrides = [
        "model.generator.hidden=[8]",
        "model.discriminator.hidden=[8]",
        "data.points=100",
        *QUICK,
        "images=40",
    ]
    trained(composed(f"loss={loss}", "data=mixture2d", f"data.layout={layout}", *overrides))


@pytest.mark.parametrize("penalty", ["gradient_penalty", "dragan", "r1", "r1_r2"])
@pytest.mark.parametrize("loss", ADVERSARIAL)
def test_every_loss_takes_every_penalty(composed: Callable[..., DictConfig], loss: str, penalty: str) -> None:
    config = composed(*TINY["dcgan"], f"loss={loss}", f"penalty={penalty}", "data.image_size=16")
    refuse_wrong_arguments(config.loss, "loss")
    assert config.normalization.discriminator == ("none" if penalty == "gradient_penalty" else "layer")
    assert list(config.loss.penalties) == penalty.split("_") if penalty == "r1_r2" else [penalty]


@pytest.mark.parametrize(
    ("loss", "learning_rate", "turns", "penalties", "constraint"),
    [
        ("wgan", 5e-5, 5, [], "WeightClipping"),
        ("wgan_gp", 1e-4, 5, ["gradient_penalty"], None),
        ("hinge", 2e-4, 1, [], None),
        ("relativistic", 2e-4, 1, ["r1", "r2"], None),
    ],
)
def test_a_loss_brings_what_its_paper_needs(
    composed: Callable[..., DictConfig],
    loss: str,
    learning_rate: float,
    turns: int,
    penalties: list,
    constraint: str,
) -> None:
    config = composed(f"loss={loss}", "data.image_size=16", "metrics=none", "logger=none", *TINY["dcgan"])
    system = build(config).system
    rates = {optimizer.param_groups[0]["lr"] for optimizer in system.configure_optimizers()}
    assert rates == {learning_rate}
    assert system.game.n_critic == turns
    assert list(system.game.penalties) == penalties
    assert (type(system.game.constraint).__name__ if system.game.constraint else None) == constraint


def test_the_user_overrides_what_a_loss_brings(composed: Callable[..., DictConfig]) -> None:
    config = composed(
        "loss=wgan_gp",
        "optimizer=rmsprop",
        "penalty=none",
        "loss.n_critic=2",
        "normalization.discriminator=instance",
        "optimizer.generator.lr=0.5",
    )
    assert config.optimizer.generator._target_ == "torch.optim.RMSprop"
    assert config.optimizer.generator.lr == 0.5
    assert config.loss.penalties == {}
    assert config.loss.n_critic == 2
    assert config.model.discriminator.normalization == "instance"


@pytest.mark.parametrize("name", sorted(p.stem for p in (ROOT / "conf" / "experiment").glob("*.yaml")))
def test_every_recipe_composes_and_names_its_source(composed: Callable[..., DictConfig], name: str) -> None:
    """All but the reading of its data."""
    own = ["data.path=pictures"] if OmegaConf.is_missing(composed(f"experiment={name}").data, "path") else []
    config = composed(f"experiment={name}", *own)
    OmegaConf.set_struct(config, False)
    create_data(config)
    config.data.num_classes = config.data.num_classes or 2  # as the data would say
    if not has_scores(config):
        del config.callbacks.evaluation
    refuse_wrong_arguments(config)
    assert "arXiv:" in (ROOT / "conf" / "experiment" / f"{name}.yaml").read_text()


@pytest.mark.parametrize("metrics", ["classifier", "inception"])
def test_one_word_turns_scores_off_whatever_else_is_said_of_them(
    composed: Callable[..., DictConfig], metrics: str
) -> None:
    words = [
        f"metrics.{path}={value}"
        for path, value in leaves(OmegaConf.to_container(composed(f"metrics={metrics}").metrics))
        if not path.endswith(("_target_", "_partial_")) and "${" not in str(value)
    ]
    assert "metrics.images=2000" in words
    config = composed("metrics=none", *(word.replace("=None", "=null") for word in words))
    OmegaConf.resolve(config)
    config = composed(*TINY["dcgan"], "metrics=none", "metrics.images=500", "data.image_size=16", "logger=none")
    assert "evaluation" not in build(config).config.callbacks


@pytest.mark.parametrize("name", sorted(p.stem for p in (ROOT / "conf" / "trainer").glob("[!_]*.yaml")))
def test_every_trainer_composes(composed: Callable[..., DictConfig], name: str) -> None:
    refuse_wrong_arguments(composed(f"trainer={name}"))


@pytest.mark.parametrize("name", sorted(p.stem for p in (ROOT / "conf" / "sweep").glob("*.yaml")))
def test_every_sweep_names_options_that_exist(name: str) -> None:
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        config = compose("train", [f"sweep={name}"], return_hydra_config=True)
    for key, values in config.hydra.sweeper.params.items():
        for value in str(values).split(","):
            if (ROOT / "conf" / key).is_dir():
                assert (ROOT / "conf" / key / f"{value}.yaml").exists()
            else:
                assert key in config


@pytest.mark.parametrize("small", sorted(path.stem for path in (ROOT / "conf" / "model").glob("*_small.yaml")))
def test_small_networks_are_the_published_ones_with_other_numbers(
    composed: Callable[..., DictConfig], small: str
) -> None:
    one, other = (composed(f"model={name}") for name in (small, small.removesuffix("_small")))
    assert one.model.generator._target_ == other.model.generator._target_
    assert set(one.model.generator) == set(other.model.generator)
    assert set(one.model.discriminator) == set(other.model.discriminator)
    assert one.loss == other.loss
    system = build(composed(f"model={small}", "metrics=none", "logger=none")).system
    assert sum(weight.numel() for weight in system.parameters()) < 2_000_000
