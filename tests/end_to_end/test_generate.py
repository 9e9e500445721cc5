"""`python src/generate.py` as a new user meets it."""

import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from ganforge.artifacts.tensors import save_generator
from ganforge.networks import mlp

from ..processes import born
from .runs import wait_for

Command = Callable[..., subprocess.CompletedProcess]


def run_folder(folder: Path) -> Path:
    """A run folder whose generator never trained."""
    arguments = {"latent_dim": 6, "image_size": 12, "channels": 1, "hidden": [32]}
    model = {
        "generator": {"_target_": "ganforge.networks.mlp.Generator", **arguments},
        "latent": {"_target_": "ganforge.sampling.latent.Latent", "dim": 6, "distribution": "normal"},
    }
    save_generator(folder / "generator.safetensors", mlp.Generator(**arguments), {"model": model}, {})
    return folder


def test_images_are_the_same_bytes_whatever_the_count(command: Command, tmp_path: Path) -> None:
    run_folder(tmp_path / "my_run")
    few = command("run=my_run", "count=3", "seed=2", script="generate")
    assert (few.returncode, few.stderr) == (0, "")
    assert few.stdout == "3 images, grids and a loop through the latents in outputs/generate/my_run_seed_2\n"
    weights = "weights=my_run/generator.safetensors"
    many = command(weights, "count=10", "seed=2", "output=many", script="generate", OMP_NUM_THREADS="2")
    assert many.returncode == 0
    images = sorted((tmp_path / "outputs" / "generate" / "my_run_seed_2" / "images").iterdir())
    assert [image.name for image in images] == ["000000.png", "000001.png", "000002.png"]
    for image in images:
        assert image.read_bytes() == (tmp_path / "many" / "images" / image.name).read_bytes()


@pytest.mark.slow
def test_own_image_is_projected_back(command: Command, tmp_path: Path) -> None:
    run_folder(tmp_path / "my_run")
    assert command("run=my_run", "count=1", "seed=9", "output=drawn", script="generate").returncode == 0
    result = command("run=my_run", "project=drawn/images/000000.png", script="generate")
    assert (result.returncode, result.stderr) == (0, "")
    assert float(result.stdout.partition("PSNR ")[2].partition(" dB")[0]) > 50
    assert result.stdout.endswith("in outputs/generate/my_run_seed_0_000000\n")
    folder = tmp_path / "outputs" / "generate" / "my_run_seed_0_000000"
    assert sorted(path.name for path in folder.iterdir()) == ["latent.safetensors", "projection.png"]


def test_mistakes_end_in_a_line(command: Command, tmp_path: Path) -> None:
    run_folder(tmp_path / "my_run")
    for arguments, message in (
        ([], "say which generator: run=<a run folder>, or weights=<a .safetensors file>"),
        (["run=my_run", "cuont=3"], "cuont is not a key of this configuration. Did you mean count?"),
        (["run=my_run", "labels=[1]"], "labels= is for generators that learned classes"),
    ):
        result = command(*arguments, script="generate")
        assert (result.returncode, result.stdout) == (2, "")
        assert result.stderr.startswith(f"error: {message}")
        assert len(result.stderr.splitlines()) == 1
    assert not (tmp_path / "outputs").exists()


def test_help_is_for_people(command: Command) -> None:
    result = command("--help", script="generate")
    assert result.returncode == 0
    assert max(len(line) for line in result.stdout.splitlines()) <= 79
    assert "project=photo.png" in result.stdout


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_leaves_no_images_behind(tmp_path: Path, number: signal.Signals) -> None:
    run_folder(tmp_path / "my_run")
    process = born("generate", "run=my_run", "count=1_000_000", "output=new/fakes", cwd=tmp_path)
    wait_for(lambda: any(tmp_path.glob("new/.fakes.*/images/*.png")), process)
    process.send_signal(number)
    output, errors = process.communicate(timeout=60)
    assert (process.returncode, output) == (128 + number, "")
    assert len(errors.splitlines()) <= 1
    assert [path.name for path in tmp_path.iterdir()] == ["my_run"]
