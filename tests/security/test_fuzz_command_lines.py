"""Command lines and configurations wrong by construction: one line, exit code 2, nothing left behind."""

import copy
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from omegaconf.errors import OmegaConfBaseException

from ganforge.artifacts.records import leaves
from ganforge.configuration.build import build
from ganforge.launch.overrides import conf_folder, groups
from ganforge.launch.stored import stored_config

from ..conftest import TINY
from .commands import Commands
from .conftest import SHORT, refused_in_a_line

COUNTS = [
    "images", "evaluate_every", "sample_every", "save_every", "log_every", "data.batch_size", "loss.n_critic",
    "model.latent.dim", "training.accumulate_grad_batches", "metrics.images", "metrics.extractor.epochs",
    "callbacks.samples.count", "model.generator.width", "data.image_size", "penalty=r1 loss.penalties.r1.interval",
]  # fmt: skip
NUMBERS = [
    "optimizer.generator.lr", "optimizer.discriminator.lr", "training.gradient_clip_val", "system.average_half_life",
    "loss.penalties.r1.weight", "data.held_out",
]  # fmt: skip
IMPOSSIBLE = [
    "data.image_size=30", "normalization.discriminator=batch", "trainer.precision=16-mixed", "trainer.precision=12",
    "trainer.precision=bf16-true", "metrics=mixture", "data=mixture2d metrics=classifier", "trainer.strategy=ddp",
    "data.batch_size=5000", "data.channels=3", "data.num_classes=3", "data=folder data.path=nowhere", "data=arrays",
    "data=arrays data.path=nowhere.npz", "training.on_nan=hope", "trainer=ddp_cpu data.batch_size=33", "trainer=slurm",
    "model.generator.kernel_size=3", "callbacks.samples._target_=os.system", "resume=nowhere", "trainer.devices=0",
    "condition=projection data=mixture2d model=mlp", "trainer.accelerator=abacus", "seed=1,2",
    "loss=r1,hinge",
]  # fmt: skip
LETTERS = st.text("abcdefghijklmnopqrstuvwxyz_", min_size=1, max_size=12)
NONSENSE = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0"), min_size=1, max_size=40)


def unknown_key() -> st.SearchStrategy[str]:
    return st.builds(lambda path, value: f"{'.'.join(path)}.zz={value}", st.lists(LETTERS, max_size=3), st.integers())


def unknown_option() -> st.SearchStrategy[str]:
    return st.builds(lambda group, option: f"{group}=zz{option}", st.sampled_from(sorted(groups())), LETTERS)


def wrong_count() -> st.SearchStrategy[str]:
    wrong = st.one_of(st.integers(-(10**12), 0), st.floats(0.001, 0.999), LETTERS.map("zz{}".format), st.just("[1]"))
    return st.builds("{}={}".format, st.sampled_from(COUNTS), wrong)


def wrong_number() -> st.SearchStrategy[str]:
    wrong = st.one_of(st.floats(-1e6, -1e-6), LETTERS.map("zz{}".format), st.just("[1]"), st.just("{a:1}"))
    return st.builds("{}={}".format, st.sampled_from(NUMBERS), wrong)


def broken_grammar() -> st.SearchStrategy[str]:
    return st.builds("{}={}{}".format, st.sampled_from(["loss", "images", "model"]), st.sampled_from("[{('\""), LETTERS)


def noise() -> st.SearchStrategy[str]:
    """Of any characters, very long now and then; the key that all of it begins with exists nowhere."""
    return st.builds(lambda text, times: "zz" + text.lstrip("-") * times, NONSENSE, st.sampled_from([1, 1, 1, 500]))


BAD = st.one_of(
    unknown_key(),
    unknown_option(),
    wrong_count(),
    wrong_number(),
    broken_grammar(),
    noise(),
    st.sampled_from(IMPOSSIBLE),
)


def rejected(commands: Commands, folder: Path, line: str) -> None:
    words = line.split(" ") if line.startswith((*IMPOSSIBLE, "penalty=r1 ")) else [line]
    result = commands("train", *TINY["dcgan"], f"paths.outputs={folder}/outputs", *words, cwd=folder)
    assert refused_in_a_line(result), (line, result)
    assert not [path for path in (folder / "outputs").rglob("*") if path.is_file() and "cache" not in path.parts], line


@settings(max_examples=40, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck), database=None)
@given(line=BAD)
def test_a_bad_command_line_is_refused_in_a_line(commands: Commands, tmp_path: Path, line: str) -> None:
    rejected(commands, tmp_path, line)


@pytest.mark.slow
@settings(max_examples=300, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck), database=None)
@given(line=BAD)
def test_three_hundred_bad_command_lines(commands: Commands, tmp_path: Path, line: str) -> None:
    rejected(commands, tmp_path, line)


@pytest.mark.slow
@pytest.mark.parametrize("line", IMPOSSIBLE)
def test_what_makes_no_sense_is_refused_in_a_line(commands: Commands, tmp_path: Path, line: str) -> None:
    rejected(commands, tmp_path, line)


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory, commands: Commands) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("configurations")
    words = [*SHORT, "images=64", f"paths.outputs={folder}/outputs", f"hydra.run.dir={folder}/run"]
    assert commands("train", *words, cwd=folder).code == 0
    yield folder / "run"


GARBAGE: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | NONSENSE,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(LETTERS, inner, max_size=3),
    max_leaves=5,
)


@pytest.mark.slow
@settings(max_examples=300, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck), database=None)
@given(data=st.data(), garbage=GARBAGE)
def test_a_configuration_with_garbage_in_it_is_refused_or_built(
    stored: Path, tmp_path: Path, data: st.DataObject, garbage: Any
) -> None:
    """Read as a stranger's, then built: a sentence, or an experiment."""
    content = yaml.safe_load((stored / ".hydra" / "config.yaml").read_text())
    path = data.draw(st.sampled_from([path for path, _ in leaves(content)])).split(".")
    spoiled = copy.deepcopy(content)
    node = spoiled
    for key in path[:-1]:
        node = node[key]
    node[path[-1]] = garbage
    shutil.rmtree(tmp_path / "run", ignore_errors=True)
    (tmp_path / "run" / ".hydra").mkdir(parents=True)
    (tmp_path / "run" / ".hydra" / "config.yaml").write_text(yaml.safe_dump(spoiled))
    try:
        config = stored_config(tmp_path / "run")
        config.paths.run = str(tmp_path / "run")
        build(config)
    except (ValueError, OmegaConfBaseException) as error:
        assert str(error)
    assert conf_folder().is_dir()
