"""`python src/translate.py` as a new user meets it."""

import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from ganforge.artifacts.tensors import save_generator
from ganforge.networks import resnet
from ganforge.pretrained import from_pretrained

from ..processes import born
from .runs import train, wait_for

Command = Callable[..., subprocess.CompletedProcess]


def run_folder(folder: Path) -> Path:
    """A run folder with two generators that never trained: from grey to colours, and back."""
    for name, direction, source, made in (("generator", "a_to_b", 1, 3), ("backward_generator", "b_to_a", 3, 1)):
        arguments = {"source_channels": source, "channels": made, "width": 2, "blocks": 1}
        model = {"generator": {"_target_": "ganforge.networks.resnet.Generator", **arguments}, "latent": None}
        config = {"model": model, "data": {"image_size": 16, "channels": 3}, "direction": direction}
        view = {"view": {"_target_": "ganforge.data.views.Edges"}}
        save_generator(folder / f"{name}.safetensors", resnet.Generator(**arguments), config | view, {})
    return folder


def photos(folder: Path) -> Path:
    """Pictures of mixed sizes and modes, and one that is broken."""
    luck = np.random.default_rng(0)
    for name, mode, size in (("a.png", "L", (16, 16)), ("b.jpg", "RGB", (31, 21)), ("c/d.webp", "RGBA", (9, 30))):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(luck.integers(0, 256, size[::-1]).astype(np.uint8)).convert(mode).save(folder / name)
    (folder / "broken.png").write_bytes(b"\x89PNG")
    return folder


def test_pictures_folders_and_archives_are_translated(command: Command, tmp_path: Path) -> None:
    run_folder(tmp_path / "my_run")
    photos(tmp_path / "photos")
    np.savez(tmp_path / "images.npz", images=np.zeros((3, 12, 12), np.uint8), labels=np.arange(3))

    def told(*words: str) -> tuple[str, str]:
        result = command("run=my_run", *words, script="translate")
        assert result.returncode == 0, result.stderr
        return result.stdout, result.stderr

    assert told("input=photos/b.jpg") == ("the translation in outputs/translate/my_run/b.png\n", "")
    output, errors = told("input=photos", "direction=b_to_a", "output=back")
    assert output == "3 translations, without the 1 left out, and comparison.png in back\n"
    assert errors.startswith("warning: photos/broken.png is left out: ") and len(errors.splitlines()) == 1
    assert told("input=images.npz", "output=made.npz") == ("3 images with their labels in made.npz\n", "")
    assert told("input=photos/b.jpg", "apply_view=true", "output=viewed.png")[1] == ""
    sizes = {"outputs/translate/my_run/b.png": (31, 21), "back/images/b.png": (31, 21), "back/images/c/d.png": (9, 30)}
    for name, size in sizes.items():
        with Image.open(tmp_path / name) as picture:
            assert (picture.format, picture.size, picture.mode) == ("PNG", size, "L" if "back" in name else "RGB")


def test_mistakes_end_in_a_line(command: Command, tmp_path: Path) -> None:
    run_folder(tmp_path / "my_run")
    photos(tmp_path / "photos")
    for script, words, message in (
        ("translate", ["run=my_run", "input=photos/broken.png"], "photos/broken.png is not a readable image"),
        ("translate", ["run=my_run", "inptu=x"], "inptu is not a key of this configuration. Did you mean input?"),
        ("translate", ["run=my_run", "input=photos", "output=my_run"], "my_run is not empty: choose another folder"),
        ("generate", ["run=my_run"], "my_run/generator.safetensors translates pictures and draws none: use "),
        ("export", ["run=my_run", "direction=back"], "direction=back should be a_to_b or b_to_a"),
    ):
        result = command(*words, script=script)
        assert (result.returncode, result.stdout) == (2, "")
        assert result.stderr.startswith(f"error: {message}")
        assert len(result.stderr.splitlines()) == 1
    assert not (tmp_path / "outputs").exists()


def test_help_is_for_people(command: Command) -> None:
    result = command("--help", script="translate")
    assert result.returncode == 0
    assert max(len(line) for line in result.stdout.splitlines()) <= 79
    assert "direction=b_to_a" in result.stdout


@pytest.mark.slow
def test_a_signal_leaves_no_translations_behind(tmp_path: Path) -> None:
    run_folder(tmp_path / "my_run")
    (tmp_path / "photos").mkdir()
    for number in range(400):
        Image.new("L", (256, 256), number % 256).save(tmp_path / "photos" / f"{number}.png")
    process = born("translate", "run=my_run", "input=photos", "output=new/drawn", cwd=tmp_path)
    wait_for(lambda: any(tmp_path.glob("new/.drawn.*/images/*.png")), process)
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=60)
    assert (process.returncode, output, errors) == (130, "", "interrupted\n")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["my_run", "photos"]


@pytest.mark.slow
def test_a_trained_run_translates_what_it_was_trained_on(command: Command, tmp_path: Path) -> None:
    """Digits of their edges: nearer to the digits than the edges are, though hardly trained."""
    words = ["model=pix2pix", "view=edges", "model.generator.width=8", "model.discriminator.receptive_field=16"]
    budget = ["data.batch_size=16", "images=3200", "evaluate_every=1600", "metrics.extractor.epochs=1"]
    code, _, errors = train(tmp_path / "my_run", *words, *budget)
    assert code == 0, errors
    from ganforge.data.digits import Digits

    data = Digits(image_size=32, channels=1, num_classes=10, batch_size=8, seed=0, flip=False, held_out=0.5)
    data.load_splits()
    digits = data.held_out_split.images[:40]
    np.savez(tmp_path / "digits.npz", images=digits[:, 0].numpy())
    arguments = ["input=digits.npz", "apply_view=true", "output=made.npz"]
    assert command("run=my_run", *arguments, script="translate").returncode == 0
    with np.load(tmp_path / "made.npz") as made:
        far = (torch.from_numpy(made["images"])[..., 0].float() - digits[:, 0].float()).abs().mean()
    assert far < 40
    assert command("run=my_run", script="export").returncode == 0
    assert from_pretrained(tmp_path / "outputs" / "export" / "my_run").image_shape == (1, 32, 32)
