"""What a command does not import: PyTorch before its words are known to make sense, and what a run never uses."""

import subprocess
import sys
from pathlib import Path

import pytest

from .conftest import ROOT, TINY

SCRIPTS = ("train", "evaluate", "generate", "translate", "classify", "export", "search", "compare")
HEAVY = {"torch", "lightning", "torchmetrics", "numpy", "scipy", "matplotlib", "optuna"}
UNUSED = {
    "sklearn",  # only its file of digits is read
    "pandas",
    "tensorflow",
    "optuna",
    "onnx",
    "onnxruntime",
    "jinja2",
    "ganforge.comparison",
    "ganforge.inference.generation",
    "ganforge.metrics.inception",
}
"""By the default run; scipy, matplotlib and torchvision come with `import lightning`, through torchmetrics."""
CHILD = """
import runpy, sys
sys.argv = sys.argv[1:]
sys.path.insert(0, sys.argv[0].rpartition("/")[0])
try:
    runpy.run_path(sys.argv[0], run_name="__main__")
finally:
    print("imported", *sys.modules)
"""


def imported_by(*words: str, script: str = "train") -> set[str]:
    """The modules of a process that ran this command line."""
    command = [sys.executable, "-c", CHILD, f"{ROOT}/src/{script}.py", *words]
    result = subprocess.run(command, capture_output=True, text=True, timeout=600)
    assert "Traceback" not in result.stderr and (result.returncode == 2 or not result.stderr), result.stderr
    _, found, names = result.stdout.rpartition("imported ")
    assert found, result.stderr
    return set(names.split())


@pytest.mark.parametrize("script", SCRIPTS)
def test_help_imports_nothing_large(script: str) -> None:
    assert not HEAVY & imported_by("--help", script=script)


@pytest.mark.parametrize(
    "word", ["modle=mlp", "model=mpl", "loss.critic_turn=2", "images=[", "seed=1,2", "--nonsense", "paths.outputs=null"]
)
def test_a_mistake_is_told_before_anything_large_is_imported(word: str) -> None:
    assert not HEAVY & imported_by(word)


def test_configuration_is_shown_without_anything_large() -> None:
    assert not HEAVY & imported_by("--cfg", "job")


def test_a_run_imports_only_what_it_uses(tmp_path: Path) -> None:
    modules = imported_by(
        f"paths.outputs={tmp_path}", *TINY["dcgan"], "images=64", "data.batch_size=32", "data.image_size=16",
        "metrics.images=20", "metrics.extractor.max_steps=1",
    )  # fmt: skip
    assert {"lightning", "tensorboard", "ganforge.metrics.classifier", "ganforge.data.digits"} <= modules
    assert not UNUSED & modules
