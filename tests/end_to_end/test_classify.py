"""A semi-supervised run and `python src/classify.py`, as a new user meets them."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np

from ganforge.data.digits import Digits

from ..conftest import TINY

Command = Callable[..., subprocess.CompletedProcess]
WORDS = [
    *TINY["improved_gan"], "data.labels=20", "data.image_size=16", "metrics=none", "images=200", "evaluate_every=100",
]  # fmt: skip


def test_a_run_leaves_a_classifier_for_pictures(command: Command, tmp_path: Path) -> None:
    trained = command(*WORDS, f"hydra.run.dir={tmp_path}/my_run")
    assert trained.returncode == 0, trained.stderr
    assert "test error" in trained.stdout and "of 899 images, with 20 labels" in trained.stdout
    data = Digits(held_out=0.5, image_size=16, channels=1, num_classes=10, batch_size=8, seed=0, flip=False)
    data.load_splits()
    images, labels = data.held_out_split.images, data.held_out_split.labels
    np.savez(tmp_path / "digits.npz", images=images[:, 0].numpy(), labels=labels.numpy())
    result = command("run=my_run", "input=digits.npz", script="classify")
    assert (result.returncode, result.stderr) == (0, "")
    told = trained.stdout.partition("test error ")[2].partition(" ")[0]
    assert result.stdout.startswith("the classes of 899 pictures, ") and f"({told})" in result.stdout
    assert result.stdout.endswith("in outputs/classify/my_run/digits.csv\n")
    exported = command("weights=my_run/classifier.safetensors", script="export")
    assert exported.returncode == 0, exported.stderr
    for script, words, message in (
        ("classify", ["run=my_run"], "say what to classify: input="),
        ("classify", ["run=my_run", "inptu=x"], "inptu is not a key of this configuration. Did you mean input?"),
        (
            "translate",
            ["weights=my_run/classifier.safetensors", "input=digits.npz"],
            "my_run/classifier.safetensors cl",
        ),
        ("generate", ["weights=my_run/classifier.safetensors"], "my_run/classifier.safetensors"),
    ):
        result = command(*words, script=script)
        assert (result.returncode, result.stdout, len(result.stderr.splitlines())) == (2, "", 1), result.stderr
        assert result.stderr.startswith(f"error: {message}")
    help_text = command("--help", script="classify").stdout
    assert max(map(len, help_text.splitlines())) <= 79
