"""What a search may be started with."""

from pathlib import Path

import pytest
from omegaconf import DictConfig, OmegaConf

from ganforge.search.plan import plan_of

from .conftest import SETTINGS

LEAST = {"trials": 1, "jobs": 1, "seed": 0, "prune_after_trials": 0, "prune_after_images": 0}


def search(folder: Path, **settings: int) -> DictConfig:
    own = {"folder": str(folder / "search"), "space": ["optimizer.generator.lr=interval(0,1)"]}
    return OmegaConf.create({"resume": None, "search": SETTINGS | own | settings})


def test_the_least_of_every_setting_is_enough(tmp_path: Path) -> None:
    folder, plan = plan_of(search(tmp_path, **LEAST), ["model=mlp"])
    assert (folder, plan.settings) == (tmp_path / "search", SETTINGS | LEAST)
    assert (plan.monitor, plan.mode) == ("fid_classifier", "min")


@pytest.mark.parametrize("name", LEAST)
def test_less_than_the_least_is_refused(tmp_path: Path, name: str) -> None:
    message = f"^search.{name}={LEAST[name] - 1} should be a whole number, at least {LEAST[name]}$"
    with pytest.raises(ValueError, match=message):
        plan_of(search(tmp_path, **{name: LEAST[name] - 1}), ["model=mlp"])
