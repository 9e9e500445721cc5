"""What `latest` means, and what a run folder must hold to be one."""

import os
from pathlib import Path

import pytest
import yaml

from ganforge.launch.stored import RUNS, latest, stored_config, stored_overrides


def written(file: Path, moment: int) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.touch()
    os.utime(file, (moment, moment))


def test_latest_is_what_was_written_to_last(tmp_path: Path) -> None:
    written(tmp_path / "train" / "a" / ".hydra" / "config.yaml", 1)
    written(tmp_path / "train" / "b" / ".hydra" / "config.yaml", 2)
    written(tmp_path / "train" / "not a run" / "notes.txt", 9)
    assert latest(tmp_path, *RUNS) == tmp_path / "train" / "b"
    written(tmp_path / "train" / "a" / "status.json", 3)
    assert latest(tmp_path, *RUNS) == tmp_path / "train" / "a"
    written(tmp_path / "sweep" / "s" / "sweep.json", 4)
    assert latest(tmp_path, "train/*", "sweep/*") == tmp_path / "sweep" / "s"
    assert latest(tmp_path, *RUNS) == tmp_path / "train" / "a", "a sweep is not one run"
    written(tmp_path / "sweep" / "s" / "0" / "status.json", 5)
    assert latest(tmp_path, *RUNS) == tmp_path / "sweep" / "s" / "0"
    with pytest.raises(ValueError, match="there is no run in "):
        latest(tmp_path / "train", *RUNS)


def hydra_file(folder: Path, name: str, content: object) -> Path:
    (folder / ".hydra").mkdir(exist_ok=True)
    (folder / ".hydra" / name).write_text(yaml.safe_dump(content))
    return folder


def test_stored_words_are_those_that_hydra_does_not_keep_for_itself(tmp_path: Path) -> None:
    words = ["loss=wgan", "hydra.run.dir=x", "seed=1"]
    assert stored_overrides(hydra_file(tmp_path, "overrides.yaml", words)) == ["loss=wgan", "seed=1"]


@pytest.mark.parametrize("content", ["loss=wgan", {"loss=wgan": 1}, ["loss=wgan", 1], None])
def test_words_that_are_no_list_of_words_are_refused(tmp_path: Path, content: object) -> None:
    with pytest.raises(ValueError, match="is not a list of overrides"):
        stored_overrides(hydra_file(tmp_path, "overrides.yaml", content))


GROUPS = ("data", "model", "loss", "system", "trainer", "callbacks", "metrics", "paths")
CONFIGURATION = {"images": 64} | {name: {} for name in GROUPS}


@pytest.mark.parametrize("missing", CONFIGURATION)
def test_a_configuration_that_lacks_something_is_of_no_run(tmp_path: Path, missing: str) -> None:
    assert stored_config(hydra_file(tmp_path, "config.yaml", CONFIGURATION)) == CONFIGURATION
    with pytest.raises(ValueError, match=f"is not the configuration of a run: it has no {missing}"):
        stored_config(hydra_file(tmp_path, "config.yaml", CONFIGURATION | {missing: "x"}))


@pytest.mark.parametrize("place", [".", "checkpoints"])
def test_a_configuration_beside_a_link_is_not_read(tmp_path: Path, place: str) -> None:
    folder = hydra_file(tmp_path, "config.yaml", CONFIGURATION)
    (folder / place).mkdir(exist_ok=True)
    (folder / place / "link").symlink_to(folder / ".hydra" / "config.yaml")
    with pytest.raises(ValueError, match="link is neither a file nor a folder"):
        stored_config(folder)
