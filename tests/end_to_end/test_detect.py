"""`python src/detect.py` as a new user meets it."""

import csv
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ganforge.artifacts.records import read_lines

from ..conftest import TINY
from .runs import train

Command = Callable[..., subprocess.CompletedProcess]
SMALL = ["data.normal=0", "data.image_size=16", "images=320", "data.batch_size=32", "logger=none"]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with a detector, and a GAN without, whose discriminator is in its checkpoint."""
    folder = tmp_path_factory.mktemp("runs")
    for name, words in (("detector", TINY["ganomaly"]), ("gan", [*TINY["mlp"], "metrics=none"])):
        code, output, errors = train(folder / name, *words, *SMALL)
        assert code == 0, errors
        assert ("AUROC" in output) == (name == "detector")
    return folder


def photos(folder: Path) -> Path:
    """Pictures of several sizes and kinds, and one that is broken."""
    luck = np.random.default_rng(0)
    for name, mode, size in (("a.png", "L", (16, 16)), ("b.jpg", "RGB", (31, 21)), ("c/d.webp", "RGBA", (9, 30))):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(luck.integers(0, 256, size[::-1]).astype(np.uint8)).convert(mode).save(folder / name)
    (folder / "broken.png").write_bytes(b"\x89PNG")
    return folder


def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "scores.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_pictures_archives_and_what_was_held_out(command: Command, runs: Path, tmp_path: Path) -> None:
    photos(tmp_path / "photos")
    images = np.random.default_rng(0).integers(0, 256, (40, 20, 20, 3), dtype=np.uint8)
    np.savez(tmp_path / "images.npz", images=images, labels=np.arange(40) % 3)

    def told(*words: str) -> tuple[str, str]:
        result = command(*words, script="detect")
        assert result.returncode == 0, result.stderr
        return result.stdout, result.stderr

    output, errors = told(f"run={runs}/detector", "input=photos")
    place = tmp_path / "outputs" / "detect" / "detector_photos"
    assert output == f"the scores of 3 pictures, and what each was compared with, in {place.relative_to(tmp_path)}\n"
    assert errors.startswith("warning: photos/broken.png is left out: ") and len(errors.splitlines()) == 1
    scores = [float(row["score"]) for row in rows(place)]
    assert scores == sorted(scores, reverse=True) and len(scores) == 3
    assert {row["picture"] for row in rows(place)} == {"a.png", "b.png", "c/d.png"}
    for row in rows(place):
        with Image.open(place / "reconstructions" / row["picture"]) as picture:
            assert (picture.size, picture.mode) == ((16, 16), "L")
    assert told(f"run={runs}/detector", "input=photos/b.jpg", "output=one")[0].startswith("the scores of 1 picture,")
    alone = {row["picture"]: row["score"] for row in rows(tmp_path / "one")}
    assert alone == {row["picture"]: row["score"] for row in rows(place) if row["picture"] == "b.png"}

    output, _ = told(f"run={runs}/gan", "input=images.npz", "steps=3", "output=inverted")
    by_label = [[float(row["score"]) for row in rows(tmp_path / "inverted") if row["label"] == k] for k in "012"]
    assert [len(scores) for scores in by_label] == [14, 13, 13]
    assert output.splitlines()[1].startswith("AUROC ") and output.endswith(", class 0 being normal\n")

    (trained,) = read_lines(runs / "detector" / "metrics.jsonl")
    output, _ = told(f"run={runs}/detector")
    again = read_lines(runs / "detector" / "metrics.jsonl")[-1]
    assert again["by"] == "evaluate" and again["stamp"] == trained["stamp"]
    assert again["scores"]["auroc"] == pytest.approx(trained["scores"]["auroc"], abs=1e-3)
    assert output.splitlines()[1].startswith(f"AUROC {again['scores']['auroc']:.4f} at 320 images: GANomaly, 83 normal")


def test_a_discriminator_is_used_where_it_is_of_the_same_moment(command: Command, runs: Path, tmp_path: Path) -> None:
    photos(tmp_path / "photos")
    words = ["input=photos/a.png", "steps=2"]
    result = command(f"run={runs}/gan", *words, "output=both", script="detect")
    assert (result.returncode, result.stderr) == (0, "")
    result = command(f"weights={runs}/gan/generator.safetensors", *words, "output=also", script="detect")
    assert (result.returncode, result.stderr) == (0, "")
    (tmp_path / "copy.safetensors").write_bytes((runs / "gan" / "generator.safetensors").read_bytes())
    result = command("weights=copy.safetensors", *words, "output=pixels", script="detect")
    assert result.stderr.startswith("warning: pictures are compared by their pixels alone: there is no checkpoint with")
    both, also, pixels = (rows(tmp_path / name)[0]["score"] for name in ("both", "also", "pixels"))
    assert both == also != pixels


def test_mistakes_end_in_a_line(command: Command, runs: Path, tmp_path: Path) -> None:
    photos(tmp_path / "photos")
    for script, words, message in (
        ("detect", ["input=photos"], "say which network: run=<a run folder>"),
        ("detect", [f"weights={runs}/gan/generator.safetensors"], "say what to look at: input="),
        ("detect", [f"run={runs}/gan", "input=nothing.png"], "input=nothing.png: no such picture, folder or .npz"),
        ("detect", [f"run={runs}/gan", "input=photos/broken.png"], "photos/broken.png is not a readable image"),
        ("detect", [f"run={runs}/gan", "input=photos", "steps=0"], "steps=0 must be at least 1"),
        ("detect", [f"run={runs}/detector", "input=photos", "output=photos"], "photos is not empty"),
        ("generate", [f"run={runs}/detector"], f"{runs}/detector/detector.safetensors tells abnormal pictures and"),
        ("translate", [f"run={runs}/detector", "input=photos"], f"{runs}/detector/detector.safetensors tells abnormal"),
        ("train", ["model=f_anogan"], "FAnoGAN learns for a generator that is trained: add init_from="),
        ("train", ["model=mlp", "data.normal=11", "metrics=none"], "data.normal=[11] should name some of the classes"),
    ):
        result = command(*words, script=script)
        assert (result.returncode, result.stdout) == (2, ""), result.stderr
        assert result.stderr.startswith(f"error: {message}"), result.stderr
        assert len(result.stderr.splitlines()) == 1
    assert not list(tmp_path.glob("outputs/detect/*"))


def test_what_is_exported_compares_alike(command: Command, runs: Path, tmp_path: Path) -> None:
    result = command(f"run={runs}/detector", "format=[onnx,torchscript,pt2]", "output=published", script="export")
    assert result.returncode == 0, result.stderr
    card = (tmp_path / "published" / "README.md").read_text()
    assert "A detector of abnormal images (GANomaly)" in card and "`auroc`" in card
    photos(tmp_path / "photos")
    result = command("run=published", "input=photos/a.png", "output=again", script="detect")
    assert result.returncode == 0, result.stderr
