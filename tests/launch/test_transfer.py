"""A run that begins with the weights of another: which tensors, what is said, and what is refused."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from omegaconf import DictConfig

from ganforge.configuration.build import build
from ganforge.launch.transfer import begin_with

from ..conftest import TINY
from ..product import QUICK

Compose = Callable[..., DictConfig]
WORDS = [*TINY["dcgan"], "data=digits", *QUICK, "loss=r1", "images=16"]


@pytest.fixture
def source(composed: Compose) -> Any:
    run = build(composed(*WORDS, "save_every=8", "seed=5"))
    run.fit()
    return run


def folder(run: Any) -> Path:
    return Path(run.config.paths.run)


def begun(composed: Compose, *words: str) -> Any:
    return build(composed(*WORDS, *words)).system


def test_all_weights_are_taken_over(source: Any, composed: Compose) -> None:
    system = begun(composed)
    before = {name: value.clone() for name, value in system.state_dict().items()}
    assert begin_with(folder(source), system).endswith("at 16 images")
    for name, value in system.state_dict().items():
        assert torch.equal(value, source.system.state_dict()[name])
        assert before[name].numel() == 1 or not torch.equal(value, before[name])
    assert system.progress.images_seen == 0
    checkpoint = folder(source) / "checkpoints" / "last.ckpt"
    assert begin_with(checkpoint, begun(composed)).startswith("beginning with the weights of")


def test_what_has_another_shape_stays_and_is_named(source: Any, composed: Compose) -> None:
    system = begun(composed, "condition=projection")
    before = {name: value.clone() for name, value in system.state_dict().items()}
    said = begin_with(folder(source), system)
    assert said.endswith(
        "at 16 images, but for generator.labelled.embedding.weight, generator.layers.0.weight, "
        "discriminator.head.embedding.weight"
    )
    for name, value in system.state_dict().items():
        stays = "embedding" in name or name.endswith("generator.layers.0.weight") or name == "averaged.layers.0.weight"
        assert torch.equal(value, before[name] if stays else source.system.state_dict()[name])


def test_another_network_is_refused(source: Any, composed: Compose) -> None:
    other = build(composed(*TINY["mlp"], "data=digits", *QUICK, "loss=r1")).system
    with pytest.raises(ValueError, match="the weights there do not fit this discriminator"):
        begin_with(folder(source), other)


def test_a_folder_without_checkpoints_is_refused(composed: Compose, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="there is no checkpoint in it"):
        begin_with(tmp_path, begun(composed))
