"""`python src/export.py` as a new user meets it."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from ganforge.pretrained import from_pretrained

from ..conftest import TINY
from .runs import train

Command = Callable[..., subprocess.CompletedProcess]
SHORT = [
    "images=128", "evaluate_every=64", "metrics.images=60", "metrics.extractor.epochs=1", "data.image_size=16",
    "data.batch_size=32",
]  # fmt: skip


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One short run, looked at by several tests."""
    folder = tmp_path_factory.mktemp("trained")
    code, _, errors = train(folder / "my_run", *TINY["dcgan"], *SHORT)
    assert code == 0, errors
    return folder / "my_run"


def test_finished_run_is_exported_in_every_format_in_a_few_lines(
    command: Command, trained: Path, tmp_path: Path
) -> None:
    result = command(f"run={trained}", "format=[onnx,torchscript,pt2]", script="export")
    assert (result.returncode, result.stderr) == (0, "")
    lines = result.stdout.splitlines()
    assert [line.split()[0] for line in lines[:-1]] == ["model.safetensors", "model.onnx", "model.pt", "model.pt2"]
    assert lines[-1] == "with a model card in outputs/export/my_run"
    assert max(map(len, lines)) <= 80
    folder = tmp_path / "outputs" / "export" / "my_run"
    card = (folder / "README.md").read_text()
    assert "60 real images" in card
    for file, difference in ((line.split()[0], line.split()[-3]) for line in lines[:-1]):
        assert f"| `{file}` | {difference} |" in card
    assert not [file.name for file in folder.iterdir() if str(trained.parent).encode() in file.read_bytes()]
    source, exported = from_pretrained(trained), from_pretrained(folder)
    assert exported.sample(5).equal(source.sample(5))
    assert exported.facts["scores"] == source.facts["scores"]


@pytest.mark.slow
def test_file_of_weights_is_exported_once_with_what_it_knows(command: Command, trained: Path, tmp_path: Path) -> None:
    words = [f"weights={trained}/generator.safetensors", "output=mine"]
    result = command(*words, script="export")
    assert (result.returncode, result.stderr) == (0, "")
    assert "was not recorded with the weights" in (tmp_path / "mine" / "README.md").read_text()
    result = command(*words, script="export")
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr == "error: mine is not empty: choose another folder with output=\n"


MISTAKES = {
    "nothing to export": ([], "say what to export: run=<a run folder>, or weights=<a .safetensors file>"),
    "no run": (["run=nowhere"], "nowhere: no such file or folder with generator.safetensors or model.safetensors"),
    "unknown format": (
        ["run=a", "format=onxx"],
        "format=onxx does not exist. Did you mean onnx? (there are: safetensors, onnx, torchscript, pt2)",
    ),
    "several formats without brackets": (["run=a", "format=onnx,pt2"], "format=onnx,pt2 names several values"),
}


@pytest.mark.parametrize("case", MISTAKES)
@pytest.mark.slow
def test_mistakes_end_in_one_line_and_leave_nothing(command: Command, tmp_path: Path, case: str) -> None:
    arguments, message = MISTAKES[case]
    result = command(*arguments, script="export")
    assert (result.returncode, result.stdout) == (2, "")
    assert message in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert not list(tmp_path.iterdir())


def test_help_fits_a_terminal(command: Command) -> None:
    result = command("--help", script="export")
    assert (result.returncode, result.stderr) == (0, "")
    assert "format=[onnx,pt2]" in result.stdout
    assert max(map(len, result.stdout.splitlines())) <= 79
