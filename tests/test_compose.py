"""The promise: any model x any loss x any shape of data trains, and every ready-made file composes."""

from collections.abc import Callable
from itertools import product
from pathlib import Path

import numpy as np
import pytest
import torch
from hydra import compose, initialize_config_dir
from omegaconf import DictConfig, OmegaConf

from ganforge.artifacts.records import leaves
from ganforge.configuration.arguments import refuse_wrong_arguments
from ganforge.configuration.build import build
from ganforge.configuration.needs import has_scores

from .conftest import ADVERSARIAL, GAMES, LOSSES, ROOT, TINY

AUGMENTS = sorted({path.stem for path in (ROOT / "conf" / "augment").glob("*.yaml")} - {"none"})
SHAPES = [(16, 16, 3), (28, 28, 1), (32, 32, 3), (64, 64, 1)]
QUICK = [
    "metrics=none",
    "logger=none",
    "data.batch_size=4",
    "images=1",
    "evaluate_every=1000",
    "callbacks.samples.count=4",
]


def trains_two_rounds(config: DictConfig) -> set[str]:
    """The names of the parameters that moved, some of each player's."""
    experiment = build(config)
    before = {name: value.clone() for name, value in experiment.system.named_parameters()}
    experiment.fit()
    for name, value in experiment.system.named_parameters():
        assert value.isfinite().all(), name
    moved = {name for name, value in experiment.system.named_parameters() if not torch.equal(before[name], value)}
    for player in experiment.system.players:
        assert any(name.startswith(f"{player}.") for name in moved), f"the {player} did not move"
    return moved


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: "x".join(map(str, shape)))
@pytest.mark.parametrize(("model", "loss"), GAMES)
def test_every_model_plays_every_game_on_every_shape(
    composed: Callable[..., DictConfig], tmp_path: Path, model: str, loss: str, shape: tuple[int, ...]
) -> None:
    path = tmp_path / "images.npz"
    np.savez(path, images=np.random.default_rng(0).integers(0, 256, (24, *shape), dtype=np.uint8))
    rounds = 2 * 4 * composed(f"loss={loss}").loss.get("n_critic", 1)
    trains_two_rounds(
        composed(*TINY[model], f"loss={loss}", "data=arrays", f"data.path={path}", *QUICK, f"images={rounds}")
    )


@pytest.mark.parametrize(("model", "loss"), [game for game in GAMES if game[1] in ADVERSARIAL])
def test_every_model_plays_every_game_class_by_class(
    composed: Callable[..., DictConfig], tmp_path: Path, model: str, loss: str
) -> None:
    images = np.random.default_rng(0).integers(0, 256, (24, 16, 16), dtype=np.uint8)
    np.savez(tmp_path / "images.npz", images=images, labels=np.arange(24) % 3)
    overrides = [*TINY[model], f"loss={loss}", "condition=class", "data=arrays", f"data.path={tmp_path}/images.npz"]
    rounds = 2 * 4 * composed(f"loss={loss}").loss.n_critic
    moved = trains_two_rounds(composed(*overrides, *QUICK, f"images={rounds}"))
    assert {"generator.labelled.embedding.weight", "discriminator.projection.embedding.weight"} <= moved


@pytest.mark.parametrize(("model", "loss"), [pair for pair in product(TINY, LOSSES) if pair not in GAMES])
def test_what_does_not_go_together_is_refused(composed: Callable[..., DictConfig], model: str, loss: str) -> None:
    with pytest.raises(ValueError, match=r"makes another game: the system (VAE|GANModule) goes with .*elbo"):
        build(composed(*TINY[model], f"loss={loss}", *QUICK))


@pytest.mark.parametrize("sigma", ["null", "0.1"])
def test_an_autoencoder_of_points(composed: Callable[..., DictConfig], sigma: str) -> None:
    words = [*TINY["vae"], "loss.likelihood=gaussian", f"loss.sigma={sigma}", "data=mixture2d", "data.points=100"]
    moved = trains_two_rounds(composed(*words, *QUICK, "images=8"))
    assert ("autoencoder.likelihood.log_sigma" in moved) == (sigma == "null")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["penalty=r1"], "penalty=, constraint= and augment= are for a discriminator"),
        (["constraint=weight_clipping"], "penalty=, constraint= and augment= are for a discriminator"),
        (["augment=diffaugment"], "penalty=, constraint= and augment= are for a discriminator"),
        (["schedule=linear"], "schedule= is for the discriminator, and autoencoder is what learns here"),
        (["condition=class"], "condition=class: the autoencoder of this model takes no labels"),
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


@pytest.mark.parametrize("shape", [(8, 8, 3), (28, 28, 1)], ids=lambda shape: "x".join(map(str, shape)))
@pytest.mark.parametrize("augment", AUGMENTS)
@pytest.mark.parametrize("loss", ADVERSARIAL)
@pytest.mark.parametrize("system", ["gan", "one_stage"])
def test_every_game_is_played_on_augmented_images(
    composed: Callable[..., DictConfig], tmp_path: Path, system: str, loss: str, augment: str, shape: tuple[int, ...]
) -> None:
    """With everything that ADA has, adaptive where the loss allows it; a hinge cannot be played in one stage."""
    path = tmp_path / "images.npz"
    np.savez(path, images=np.random.default_rng(0).integers(0, 256, (24, *shape), dtype=np.uint8))
    words = [*TINY["mlp"], f"loss={loss}", f"system={system}", f"augment={augment}", "data=arrays"]
    if augment == "ada":
        words += ["augment.p=0.5", "augment.groups=[blit,geom,color,filter,noise,cutout]"]
        words += ["augment.target=null"] if loss in ("lsgan", "relativistic", "wgan", "wgan_gp") else []
    if system == "one_stage" and loss == "hinge":
        return
    rounds = 2 * 4 * composed(f"loss={loss}").loss.n_critic
    trains_two_rounds(composed(*words, f"data.path={path}", *QUICK, f"images={rounds}"))


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
    trains_two_rounds(composed(f"loss={loss}", "data=mixture2d", f"data.layout={layout}", *overrides))


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
    config = composed(f"experiment={name}")
    if not has_scores(config):
        OmegaConf.set_struct(config, False)
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
