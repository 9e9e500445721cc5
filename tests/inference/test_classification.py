"""The table that is written of pictures, and what is refused before anything is written."""

import csv
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from ganforge.artifacts.images import read_image
from ganforge.artifacts.records import append_line
from ganforge.artifacts.tensors import save_generator
from ganforge.inference.classification import Request, classify
from ganforge.inference.exporting import export
from ganforge.layers.heads import ClassOrFake
from ganforge.networks import improved_gan, mlp
from ganforge.pretrained import PretrainedClassifier, from_pretrained

REQUEST = Request(run="run", weights=None, input="photos", output=None, device="cpu")
NAMES = ["cat", "dog, small", "=1+1"]
SHAPE = {"image_size": 16, "channels": 1}
HEAD = {"_target_": "ganforge.layers.heads.ClassOrFake", "_partial_": True, "num_classes": 3}


def save_classifier(path: Path, names: list[str] | None = NAMES, **changes: Any) -> Path:
    """One that never trained."""
    arguments = {**SHAPE, "num_classes": 3, "hidden": [6, 5]} | changes
    torch.manual_seed(1)
    network = improved_gan.Discriminator(**SHAPE, num_classes=3, hidden=[6, 5])
    node = {"_target_": "ganforge.networks.improved_gan.Discriminator", **arguments}
    return saved(path, network, node, names)


def saved(path: Path, network: torch.nn.Module, node: dict[str, Any], names: list[str] | None = None) -> Path:
    config = {
        "model": {"classifier": node, "latent": None},
        "data": {"_target_": "ganforge.data.digits.Digits", **SHAPE, "num_classes": 3},
        "loss": {"adversarial": {"_target_": "ganforge.losses.adversarial.NonSaturating"}, "n_critic": 1},
        "optimizer": {"discriminator": {"_target_": "torch.optim.Adam", "lr": 0.003}},
        "seed": 0,
        "images": 100,
    }
    save_generator(path, network, config, {"images_seen": 90, "scores": {}, "class_names": names})
    return path


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    save_classifier(Path("run/classifier.safetensors"))
    luck = np.random.default_rng(0)
    for name, mode, size in (("a.png", "L", (16, 16)), ("b, c.jpg", "RGB", (40, 21)), ("c/d.webp", "RGBA", (9, 30))):
        Path("photos", name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(luck.integers(0, 256, size[::-1]).astype(np.uint8)).convert(mode).save(Path("photos", name))


def rows(place: Path) -> list[dict[str, str]]:
    with place.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_every_picture_has_a_row_with_what_it_is_alone(capsys: pytest.CaptureFixture[str]) -> None:
    Path("photos/broken.png").write_bytes(b"\x89PNG")
    place, what = classify(REQUEST, Path("out"))
    assert (place, what) == (Path("out/run/photos.csv"), "the classes of 3 pictures")
    assert "photos/broken.png is left out" in capsys.readouterr().err
    found = rows(place)
    assert [row["file"] for row in found] == ["a.png", "b, c.jpg", "c/d.webp"]
    classifier = from_pretrained("run/classifier.safetensors")
    for row in found:
        image = read_image(Path("photos", row["file"]), (1, 16, 16)) / 127.5 - 1
        expected = classifier.classify(image[None])[0]
        assert [float(row[f"probability_{number}"]) for number in range(3)] == pytest.approx(
            expected.tolist(), abs=1e-5
        )
        assert (row["label"], row["name"]) == (str(expected.argmax().item()), NAMES[expected.argmax()])
    alone, what = classify(replace(REQUEST, input="photos/a.png", output="one.csv"), Path("out"))
    assert (rows(alone), what) == ([found[0]], "the classes of 1 picture")


@pytest.mark.parametrize("channels", [1, 3])
def test_an_archive_with_labels_is_counted(channels: int) -> None:
    images = np.random.default_rng(0).integers(0, 256, (300, 20, 20, channels)).astype(np.uint8)
    np.savez("images.npz", images=images, labels=np.arange(300) % 3)
    place, what = classify(replace(REQUEST, input="images.npz"), Path("out"))
    found = rows(place)
    wrong = sum(row["label"] != row["given_label"] for row in found)
    assert what == f"the classes of 300 pictures, {wrong} ({wrong / 300:.2%}) of them not the given label,"
    assert [row["file"] for row in found] == list(map(str, range(300)))
    assert [row["given_label"] for row in found] == [str(number % 3) for number in range(300)]


MISTAKES: dict[str, tuple[Callable[[], Any], dict[str, Any], str]] = {
    "no input": (lambda: None, {"input": "nope"}, "input=nope: no such picture, folder or .npz"),
    "broken": (lambda: Path("x.png").write_text("x"), {"input": "x.png"}, "x.png is not a readable image"),
    "no run": (lambda: None, {"run": "photos"}, "no such file or folder with classifier.safetensors .* which system="),
    "exists": (lambda: Path("t.csv").write_text("mine"), {"output": "t.csv"}, "t.csv is there already"),
    "a png": (lambda: None, {"output": "t.png"}, "output=t.png should end in .csv"),
    "gpu": (lambda: None, {"device": "cuda"}, "device=cuda: PyTorch finds no such GPU"),
    "names": (lambda: save_classifier(Path("run/classifier.safetensors"), ["a"]), {}, "class_names should be 3 texts"),
    "sizes": (
        lambda: save_classifier(Path("run/classifier.safetensors"), hidden=[6, 9]), {}, "do not fit their config",
    ),
    "hostile head": (
        lambda: save_classifier(Path("run/classifier.safetensors"), head={"_target_": "os.system"}), {}, "not allowed",
    ),
    "a generator": (
        lambda: saved(
            Path("run/classifier.safetensors"), mlp.Generator(4, 16, 1, [3]),
            {"_target_": "ganforge.networks.mlp.Generator", "latent_dim": 4, "hidden": [3], **SHAPE},
        ), {}, "do not fit|classifies no images",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", MISTAKES)
def test_mistakes_leave_nothing_behind(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    prepare, changes, message = MISTAKES[name]
    prepare()
    with pytest.raises(ValueError, match=message):
        classify(replace(REQUEST, **changes), Path("out"))
    assert not Path("out").exists()


def test_any_discriminator_with_the_head_of_classes_is_loaded_from_its_file() -> None:
    network = mlp.Discriminator(**SHAPE, hidden=[6], head=lambda *sizes: ClassOrFake(*sizes, num_classes=3))
    node = {"_target_": "ganforge.networks.mlp.Discriminator", **SHAPE, "hidden": [6], "head": HEAD}
    classifier = from_pretrained(saved(Path("other.safetensors"), network, node))
    images = torch.rand(40, 1, 16, 16) * 2 - 1
    assert isinstance(classifier, PretrainedClassifier)
    assert torch.allclose(classifier.classify(images), network.eval()(images).classes.softmax(1), atol=1e-6)
    assert torch.equal(classifier.classify(images[:3]), classifier.classify(images)[:3])
    with pytest.raises(ValueError, match=r"classifies \(B, 1, 16, 16\)"):
        classifier.classify(images[:, :, :8])
    with pytest.raises(ValueError, match="classifies images and draws none"):
        classifier.sample(3)


def test_an_exported_classifier_says_its_error_and_classifies_alike() -> None:
    stamp = {"data": "digits:12ab", "split": "held out 0.5 of digits", "labels": 20}
    line = {"images_seen": 90, "scores": {"test_error": 0.125}, "stamp": stamp, "by": "test_error"}
    append_line(Path("run/metrics.jsonl"), line)
    differences = export(Path("run/classifier.safetensors"), ["torchscript", "pt2"], Path("exported"))
    assert set(differences) == {"model.safetensors", "model.pt", "model.pt2"}
    card = Path("exported/README.md").read_text()
    assert "pipeline_tag: image-classification" in card
    assert "| `test_error` | 0.125 |" in card and "| `labels` | `20` |" in card
    assert "`cat`, `dog, small`" in card and "classifier.classify(pictures)" in card
    place, _ = classify(replace(REQUEST, run="exported", output="again.csv"), Path("out"))
    again, _ = classify(REQUEST, Path("out"))
    assert place.read_bytes() == again.read_bytes()
