"""Which runs belong together, and what they are called."""

from collections.abc import Callable
from pathlib import Path

from ganforge.comparison.groups import common, grouped
from ganforge.comparison.runs import find_runs

Make = Callable[..., Path]


def names(folder: Path) -> dict[str, list[str]]:
    return {label: [run.name for run in runs] for label, runs in grouped(find_runs([folder])).items()}


def test_runs_that_differ_in_the_seed_only_are_one_group(make_run: Make, tmp_path: Path) -> None:
    for number, (loss, seed) in enumerate([("hinge", 1), ("hinge", 2), ("lsgan", 1), ("lsgan", 2)]):
        make_run(f"sweep/{number}", {100: 1.0}, "model=mlp", f"loss={loss}", seed=seed)
    assert names(tmp_path) == {"loss=hinge": ["0", "1"], "loss=lsgan": ["2", "3"]}
    assert common(grouped(find_runs([tmp_path]))) == "model=mlp"


def test_how_a_run_is_measured_logged_and_stored_makes_no_group(make_run: Make, tmp_path: Path) -> None:
    make_run("a", {100: 1.0}, config={"metrics.images": 10, "logger.csv": "x", "evaluate_every": 5})
    make_run("elsewhere/b", {100: 1.0}, config={"metrics.images": 20, "data.root": str(tmp_path / "elsewhere/b/data")})
    make_run("c", {100: 1.0}, config={"data.root": str(tmp_path / "c/data")})
    assert list(names(tmp_path).values()) == [["a", "c", "elsewhere/b"]]


def test_what_nobody_typed_comes_from_the_configuration_once_and_short(make_run: Make, tmp_path: Path) -> None:
    for number, lr in enumerate([0.1, 0.2]):
        keys = {"optimizer.lr": lr, "system.optimizers.lr": lr, "images": 20_000}
        make_run(str(number), {100: 1.0}, config=keys)
    assert list(names(tmp_path)) == ["optimizer.lr=0.1", "optimizer.lr=0.2"]


def test_a_default_beside_a_choice(make_run: Make, tmp_path: Path) -> None:
    make_run("0", {100: 1.0})
    make_run("1", {100: 1.0}, "loss=hinge")
    assert list(names(tmp_path)) == ["defaults", "loss=hinge"]


def test_classes_tell_runs_apart_by_their_last_two_names(make_run: Make, tmp_path: Path) -> None:
    for number, network in enumerate(["dcgan", "mlp"]):
        make_run(str(number), {100: 1.0}, config={"model._target_": f"ganforge.networks.{network}.Generator"})
    assert list(names(tmp_path)) == ["model=dcgan.Generator", "model=mlp.Generator"]


def test_numbers_are_spelled_as_they_are_typed(make_run: Make, tmp_path: Path) -> None:
    for number, images in enumerate([500, 200_000]):
        make_run(str(number), {100: 1.0}, f"images={images}", config={"images": images})
    assert list(names(tmp_path)) == ["images=500", "images=200_000"]


def test_no_two_groups_have_one_name(make_run: Make, tmp_path: Path) -> None:
    for number, width in enumerate([1, "1", "", 1.5]):
        make_run(str(number), {100: 1.0}, config={"model.width": width})
    assert names(tmp_path) == {
        "model.width=1": ["0"],
        "model.width=1 (1)": ["1"],
        "defaults": ["2"],
        "model.width=1.5": ["3"],
    }
