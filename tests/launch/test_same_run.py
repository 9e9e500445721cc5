"""Which configurations and weights are still those of a run."""

from pathlib import Path

import pytest
import torch

from ganforge.launch.same_run import (
    differences,
    refuse_checkpoint_beyond_budget,
    refuse_checkpoint_of_another_run,
    refuse_unfit_weights,
)

STORED = {
    "seed": 0,
    "images": 10,
    "data": {"path": "a", "size": 8},
    "system": {"seed": 0, "training": {"compile": False}},
}
PATH = Path("last.ckpt")


def test_what_may_change_is_no_difference() -> None:
    moved = STORED | {"images": 20, "data": {"path": "b", "size": 8}, "callbacks": {}, "paths": {"run": "elsewhere"}}
    assert (
        list(differences(STORED, moved | {"system": {"seed": 0, "training": {"compile": True, "measure_every": 9}}}))
        == []
    )
    assert list(differences({"lr": float("nan")}, {"lr": float("nan")})) == []


def test_the_first_differences_are_shown() -> None:
    other = {
        "seed": 1,
        "images": 10,
        "data": {"path": "a"},
        "system": {"seed": 1, "training": {"compile": False}},
        "new": "x",
    }
    message = r"last.ckpt was saved by another run \(seed: 0 -> 1, data.size: 8 -> None, new: None -> x and 1 more\)"
    with pytest.raises(ValueError, match=message):
        refuse_checkpoint_of_another_run(PATH, STORED, other)


def test_hyperparameters_without_a_bottom_are_refused() -> None:
    deep: dict = {}
    for _ in range(100_000):
        deep = {"a": deep}
    with pytest.raises(ValueError, match="nested too deeply"):
        refuse_checkpoint_of_another_run(PATH, deep, STORED)
    while deep:  # freed from the top it would need as deep a stack
        deep = deep["a"]


def test_weights_of_another_size_are_named() -> None:
    with pytest.raises(ValueError, match=r"does not fit .* \(w: \(2, 3\) -> \(4, 3\)\)"):
        refuse_unfit_weights(PATH, {"w": torch.ones(2, 3)}, {"w": torch.ones(4, 3)})
    with pytest.raises(ValueError, match=r"\(b: missing -> \(1,\)\)"):
        refuse_unfit_weights(PATH, {}, {"b": torch.ones(1)})
    refuse_unfit_weights(PATH, {"w": torch.ones(2)}, {"w": torch.zeros(2)})


@pytest.mark.parametrize(("images_seen", "fits"), [(640, True), (672, True), (673, False), (8000, False)])
def test_no_moment_of_a_run_is_later_than_the_end_of_its_budget(images_seen: int, fits: bool) -> None:
    if fits:
        refuse_checkpoint_beyond_budget(images_seen, 641, 32)
    else:
        with pytest.raises(ValueError, match="images=641: this run has seen"):
            refuse_checkpoint_beyond_budget(images_seen, 641, 32)
