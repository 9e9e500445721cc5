"""Data from files: archives, folders and the public sets in their own formats."""

import gzip
import pickle
import re
import struct
import tarfile
from collections.abc import Callable
from pathlib import Path
from urllib.error import URLError

import numpy as np
import pytest
import scipy.io
import torch
from omegaconf import DictConfig
from PIL import Image

from ganforge.configuration.build import build
from ganforge.data import benchmarks
from ganforge.data.arrays import Arrays
from ganforge.data.folder import Folder

from ..conftest import TINY

DESCRIBED = {
    "image_size": None,
    "channels": None,
    "num_classes": None,
    "batch_size": 2,
    "seed": 0,
    "flip": False,
}
RANDOM = np.random.default_rng(0)


def pixels(*shape: int) -> np.ndarray:
    return RANDOM.integers(0, 256, shape, dtype=np.uint8)


def arrays(path: Path, **changes: object) -> Arrays:
    data = Arrays(path=str(path), held_out=0.25, **(DESCRIBED | changes))
    data.load_splits()
    return data


@pytest.mark.parametrize("shape", [(20, 16, 16), (20, 16, 16, 1), (20, 16, 16, 3)])
def test_arrays_keep_every_image_with_its_label(tmp_path: Path, shape: tuple[int, ...]) -> None:
    images, labels = pixels(*shape), np.arange(20) % 3
    np.savez(tmp_path / "x.npz", images=images, labels=labels)
    data = arrays(tmp_path / "x.npz")
    together = torch.cat([data.train_split.images, data.held_out_split.images])
    expected = {(image.tobytes(), label) for image, label in zip(images, labels, strict=True)}
    marks = torch.cat([data.train_split.labels, data.held_out_split.labels])
    assert {(i.permute(1, 2, 0).numpy().tobytes(), m.item()) for i, m in zip(together, marks, strict=True)} == expected
    assert (data.image_size, data.channels, data.num_classes) == (16, 1 if len(shape) < 4 else shape[3], 3)
    assert len(data.held_out_split.images) == 5


def test_arrays_without_labels_have_no_classes(tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", images=pixels(20, 8, 8))
    assert arrays(tmp_path / "x.npz").num_classes is None


def test_arrays_are_resized_on_request(tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", images=pixels(20, 12, 20, 3))
    assert arrays(tmp_path / "x.npz", image_size=16).train_split.images.shape == (15, 3, 16, 16)


BAD_ARRAYS = {
    "no images": ({"pictures": pixels(4, 8, 8), "y": 1}, "no array named `images`, only pictures, y"),
    "floats": ({"images": np.zeros((4, 8, 8))}, "must be uint8"),
    "gap": ({"images": pixels(3, 8, 8), "labels": np.array([0, 5, 9])}, "no image has label 1; numpy.unique"),
    "one hot": ({"images": pixels(4, 8, 8), "labels": np.eye(4)}, r"not float64 \(4, 4\); labels.argmax\(1\)"),
    "text": ({"images": np.full((4, 8, 8), "x")}, r"not <U1 \(4, 8, 8\)$"),
    "large floats": ({"images": np.full((4, 8, 8), 1e6)}, "not float64 .* with values from 1e.06 to 1e.06"),
    "two channels": ({"images": pixels(4, 8, 8, 2)}, "must be uint8"),
    "oblong": ({"images": pixels(4, 8, 9)}, "need data.image_size="),
    "few labels": ({"images": pixels(4, 8, 8), "labels": np.zeros(3, int)}, "one integer"),
    "negative labels": ({"images": pixels(4, 8, 8), "labels": np.full(4, -1)}, r"not int64 \(4,\) from -1 to -1"),
    "four channels": ({"images": pixels(4, 8, 8, 4)}, r"not uint8 \(4, 8, 8, 4\)$"),
    "objects": ({"images": np.array([{}, 1], dtype=object)}, "cannot be read"),
}


@pytest.mark.parametrize("case", BAD_ARRAYS)
def test_bad_arrays_are_named(tmp_path: Path, case: str) -> None:
    content, message = BAD_ARRAYS[case]
    np.savez(tmp_path / "x.npz", **content)
    with pytest.raises(ValueError, match=message) as error:
        arrays(tmp_path / "x.npz")
    assert "x.npz" in str(error.value)


def test_labels_of_one_column_are_labels(tmp_path: Path) -> None:
    """As Keras and the files of CIFAR have them."""
    np.savez(tmp_path / "x.npz", images=pixels(8, 8, 8), labels=np.arange(8)[:, None] % 2)
    assert arrays(tmp_path / "x.npz").num_classes == 2


@pytest.mark.parametrize("channels_first", [False, True])
@pytest.mark.parametrize(
    "other",
    [
        lambda images: images,
        lambda images: images.astype(np.int64),
        lambda images: images.astype(np.float32),
        lambda images: images / np.float32(255),
        lambda images: images / np.float32(127.5) - 1,
    ],
)
def test_other_images_are_refused_with_the_line_that_converts_them(
    tmp_path: Path, other: Callable[[np.ndarray], np.ndarray], channels_first: bool
) -> None:
    images = pixels(8, 8, 8, 3)
    images[0, 0, 0], images[0, 0, 1] = 0, 255
    given = other(images.transpose(0, 3, 1, 2) if channels_first else images)
    np.savez(tmp_path / "x.npz", images=given)
    if given.dtype == np.uint8 and not channels_first:
        arrays(tmp_path / "x.npz")
        return
    with pytest.raises(ValueError, match=f"not {given.dtype} ") as error:
        arrays(tmp_path / "x.npz")
    (line,) = re.findall(r"; (.*) makes them so", str(error.value))
    np.testing.assert_array_equal(eval(line, {"images": given}), images)


def test_what_is_no_archive_is_named_with_what_is(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", pixels(4, 8, 8))
    with pytest.raises(ValueError, match=r'x\.npy cannot be read .*numpy.savez\("images.npz", images=images\)'):
        arrays(tmp_path / "x.npy")
    with pytest.raises(ValueError, match=r"is a folder.*data=folder"):
        arrays(tmp_path)


def test_missing_and_truncated_archives_are_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"x\.npz: no such file"):
        arrays(tmp_path / "x.npz")
    np.savez(tmp_path / "x.npz", images=pixels(50, 8, 8))
    whole = (tmp_path / "x.npz").read_bytes()
    (tmp_path / "x.npz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match="cannot be read"):
        arrays(tmp_path / "x.npz")


def folder(path: Path, channels: int = 3, **changes: object) -> Folder:
    options = {
        "image_size": 8,
        "channels": channels,
        "num_classes": None,
        "batch_size": 1,
        "seed": 0,
        "flip": False,
    }
    options |= {"cache": str(path.parent / "cache"), "held_out": 0.5, "memory_gib": 1.0}
    data = Folder(path=str(path), **(options | changes))
    data.load_splits()
    return data


def test_folder_reads_every_mode_and_aspect(tmp_path: Path) -> None:
    images = tmp_path / "images"
    images.mkdir()
    for mode in ("L", "RGB", "RGBA", "P", "1", "CMYK", "I;16"):
        name = f"{mode.replace(';', '')}.{'tif' if mode in ('CMYK', 'I;16') else 'png'}"
        Image.new(mode, (13, 9)).save(images / name)
    Image.new("LA", (40, 3)).save(images / "wide.png")
    Image.new("RGB", (1, 1)).save(images / "dot.JPG")
    data = folder(images)
    assert len(data.train_split.images) + len(data.held_out_split.images) == 9
    assert data.train_split.images.shape[1:] == (3, 8, 8)
    assert folder(images, channels=1).train_split.images.shape[1:] == (1, 8, 8)


def test_folder_keeps_colours_and_lays_transparency_on_white(tmp_path: Path) -> None:
    images = tmp_path / "images"
    images.mkdir()
    for number in range(2):
        Image.new("RGBA", (10, 10), (255, 0, 0, 255)).save(images / f"red{number}.png")
        Image.new("RGBA", (10, 10), (255, 0, 0, 0)).save(images / f"clear{number}.png")
    data = folder(images)
    colours = torch.cat([data.train_split.images, data.held_out_split.images]).float().mean((2, 3)).tolist()
    assert sorted(colours) == [[255.0, 0.0, 0.0]] * 2 + [[255.0, 255.0, 255.0]] * 2


def test_first_level_folders_are_the_classes(tmp_path: Path) -> None:
    for shade, name in ((0, "black"), (255, "white")):
        (tmp_path / "images" / name / "deeper").mkdir(parents=True)
        for number in range(4):
            Image.new("L", (8, 8), shade).save(tmp_path / "images" / name / "deeper" / f"{number}.png")
    data = folder(tmp_path / "images")
    assert data.num_classes == 2
    for split in (data.train_split, data.held_out_split):
        assert torch.equal(split.labels * 255, split.images[:, 0, 0, 0].long())


def test_folder_beyond_memory_is_mapped_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    for number in range(6):
        Image.new("L", (8, 8), number * 40).save(tmp_path / "images" / f"{number}.png")
    size = 6 * 3 * 8 * 8
    in_memory = folder(tmp_path / "images", memory_gib=size / 2**30)
    assert not (tmp_path / "cache").exists()
    mapped = folder(tmp_path / "images", memory_gib=(size - 1) / 2**30)
    assert torch.equal(in_memory.train_split.images, mapped.train_split.images)
    assert f"{tmp_path}/#" in Path("/proc/self/maps").read_text()
    assert [path.name for path in tmp_path.iterdir()] == ["images"], "what another process could empty or meet again"


def test_refused_pictures_beyond_memory_leave_no_cache(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    for number in range(6):
        (tmp_path / "images" / f"{number}.png").write_bytes(b"")
    with pytest.raises(ValueError, match="is not a readable image"):
        folder(tmp_path / "images", memory_gib=0.0)
    assert [path.name for path in tmp_path.iterdir()] == ["images"]


def picture(path: Path, shade: int = 0) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", (8, 8), shade).save(path)


def test_hidden_files_and_those_of_systems_are_no_pictures_and_no_classes(tmp_path: Path) -> None:
    images = tmp_path / ".hidden" / "images"
    for name in ("cat", "dog", ".ipynb_checkpoints", "__MACOSX/cat", "cat/@eaDir/0.png"):
        for number in range(3):
            picture(images / name / f"{number}.png")
    picture(images / ".stray.png")
    for name in ("._0.png", "cat/._0.png", "dog/Thumbs.db"):
        (images / name).write_bytes(b"no picture")
    data = folder(images)
    assert len(data.train_split.images) + len(data.held_out_split.images) == 6
    assert data.num_classes == 2


def test_the_picture_that_takes_the_labels_away_is_named(tmp_path: Path, composed: Callable[..., DictConfig]) -> None:
    images = tmp_path / "images"
    for name in ("cat/1", "cat/2", "dog/1", "dog/2", "stray"):
        picture(images / f"{name}.png")
    assert folder(images).num_classes is None, "as is right where nobody asks for classes"
    why = re.escape(f"none because {images / 'stray.png'} lies beside the class folders")
    with pytest.raises(ValueError, match=f"data.num_classes=2, but images has {why}"):
        folder(images, num_classes=2)
    words = [*TINY["mlp"], "data=folder", f"data.path={images}", "data.image_size=8", "data.batch_size=2"]
    with pytest.raises(ValueError, match=f"the extractor classifier needs class labels, and images has {why}"):
        build(composed(*words, "data.held_out=0.5"))
    with pytest.raises(ValueError, match=f"the condition needs class labels, and images has {why}"):
        build(composed(*words, "data.held_out=0.5", "condition=projection", "metrics=none"))


def test_broken_image_is_named(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    Image.fromarray(pixels(30, 30, 3)).save(tmp_path / "images" / "good.png")
    data = (tmp_path / "images" / "good.png").read_bytes()
    (tmp_path / "images" / "broken.png").write_bytes(data[:200])
    with pytest.raises(ValueError, match=r"broken\.png is not a readable image"):
        folder(tmp_path / "images")


def test_folder_without_images_is_named(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "notes.txt").write_text("none here")
    with pytest.raises(ValueError, match="has no images"):
        folder(tmp_path / "images")
    with pytest.raises(ValueError, match="no such folder"):
        folder(tmp_path / "nowhere")


def write_idx(path: Path, array: np.ndarray) -> None:
    header = struct.pack(">BBBB", 0, 0, 8, array.ndim) + struct.pack(f">{array.ndim}I", *array.shape)
    with gzip.open(path, "wb") as file:
        file.write(header + array.tobytes())


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise URLError("no network in this test")

    monkeypatch.setattr("urllib.request.urlopen", refuse)


@pytest.fixture
def small_mnist(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """MNIST's four files in their exact format, with 30 + 10 images."""
    raw = tmp_path / "MNIST" / "raw"
    raw.mkdir(parents=True)
    contents = (pixels(30, 28, 28), RANDOM.integers(0, 10, 30, dtype=np.uint8))
    contents += (pixels(10, 28, 28), np.arange(10, dtype=np.uint8))
    resources = []
    for (file, _), content in zip(benchmarks.datasets.MNIST.resources, contents, strict=True):
        write_idx(raw / file, content)
        resources.append((file, benchmarks.md5(raw / file)))
    monkeypatch.setattr(benchmarks.datasets.MNIST, "resources", resources)
    return tmp_path


def mnist(root: Path) -> benchmarks.MNIST:
    data = benchmarks.MNIST(root=str(root), **(DESCRIBED | {"image_size": 28}))
    data.load_splits()
    return data


def test_mnist_files_already_there_are_read_without_network(small_mnist: Path, offline: None) -> None:
    data = mnist(small_mnist)
    assert data.train_split.images.shape == (30, 1, 28, 28)
    assert data.held_out_split.labels.tolist() == list(range(10))
    assert data.split_name == "test split of mnist"


def test_corrupt_mnist_file_is_named_with_both_checksums(small_mnist: Path, offline: None) -> None:
    file = small_mnist / "MNIST" / "raw" / "train-images-idx3-ubyte.gz"
    expected = benchmarks.md5(file)
    file.write_bytes(b"corrupt")
    with pytest.raises(ValueError, match=f"{file.name} is corrupt.*expected {expected}"):
        mnist(small_mnist)


def test_files_that_are_what_was_asked_for_and_cannot_be_read_say_why(
    small_mnist: Path, offline: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw, resources = small_mnist / "MNIST" / "raw", benchmarks.datasets.MNIST.resources
    write_idx(raw / resources[0][0], pixels(29, 28, 28))
    known = [(file, benchmarks.md5(raw / file)) for file, _ in resources]
    monkeypatch.setattr(benchmarks.datasets.MNIST, "resources", known)
    with pytest.raises(ValueError, match=r"mnist in .* cannot be read: 29 images and 30 labels"):
        mnist(small_mnist)


@pytest.mark.parametrize("name", ["MNIST", "FashionMNIST", "SVHN", "CIFAR10"])
def test_offline_the_message_names_the_files_and_where(tmp_path: Path, offline: None, name: str) -> None:
    data = getattr(benchmarks, name)(root=str(tmp_path), **(DESCRIBED | {"image_size": 32}))
    with pytest.raises(ValueError, match=r"data\.root=") as error:
        data.load_splits()
    for file, checksum in data.expected_files().items():
        assert str(file) in str(error.value)
        assert checksum in str(error.value)


def test_cifar10_in_its_own_format(tmp_path: Path, offline: None, monkeypatch: pytest.MonkeyPatch) -> None:
    base = tmp_path / "cifar-10-batches-py"
    base.mkdir()
    lists: dict[str, list[list[str]]] = {"train_list": [], "test_list": []}
    for name, kind in [
        *((f"data_batch_{i}", "train_list") for i in range(1, 6)),
        ("test_batch", "test_list"),
    ]:
        (base / name).write_bytes(pickle.dumps({"data": pixels(4, 3072), "labels": [0, 1, 2, 9]}))
        lists[kind].append([name, benchmarks.md5(base / name)])
    (base / "batches.meta").write_bytes(pickle.dumps({"label_names": [str(i) for i in range(10)]}))
    for kind, entries in lists.items():
        monkeypatch.setattr(benchmarks.datasets.CIFAR10, kind, entries)
    meta = {"filename": "batches.meta", "key": "label_names", "md5": benchmarks.md5(base / "batches.meta")}
    monkeypatch.setattr(benchmarks.datasets.CIFAR10, "meta", meta)
    archive = tmp_path / "cifar-10-python.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        tar.add(base, base.name)
    monkeypatch.setattr(benchmarks.datasets.CIFAR10, "tgz_md5", benchmarks.md5(archive))
    data = benchmarks.CIFAR10(root=str(tmp_path), **(DESCRIBED | {"image_size": 32}))
    data.load_splits()
    assert data.train_split.images.shape == (20, 3, 32, 32)
    first = pickle.loads((base / "data_batch_1").read_bytes())["data"][0].reshape(3, 32, 32)
    assert np.array_equal(data.train_split.images[0].numpy(), first)


def test_svhn_in_its_own_format(tmp_path: Path, offline: None, monkeypatch: pytest.MonkeyPatch) -> None:
    splits = dict(benchmarks.datasets.SVHN.split_list)
    images = pixels(32, 32, 3, 12)
    for split in ("train", "test"):
        url, file, _ = splits[split]
        scipy.io.savemat(tmp_path / file, {"X": images, "y": np.array([[10], *[[i % 10 + 1] for i in range(11)]])})
        splits[split] = [url, file, benchmarks.md5(tmp_path / file)]
    monkeypatch.setattr(benchmarks.datasets.SVHN, "split_list", splits)
    data = benchmarks.SVHN(root=str(tmp_path), **(DESCRIBED | {"image_size": 32}))
    data.load_splits()
    assert np.array_equal(data.train_split.images[0].numpy(), images[..., 0].transpose(2, 0, 1))
    assert data.train_split.labels[0] == 0


def test_real_mnist_is_read_where_it_is(real_data: Path, tmp_path: Path, offline: None) -> None:
    raw = tmp_path / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for file in (real_data / "MNIST" / "raw").glob("*.gz"):
        (raw / file.name).symlink_to(file)
    data = mnist(tmp_path)
    assert (len(data.train_split.images), len(data.held_out_split.images)) == (60_000, 10_000)
    assert re.fullmatch(r"\d", str(data.train_split.labels[0].item()))
    assert data.train_split.labels[:5].tolist() == [5, 0, 4, 1, 9]


def versions(path: Path, *missing: str) -> Folder:
    """Three classes of the same six things in four folders; of which class a picture is, is in its red channel."""
    for shade, of_class in enumerate(("b", "a", "c")):
        for number in range(6):
            file = path / of_class / str(number // 2) / f"{number}.{'png' if shade else 'bmp'}"
            file.parent.mkdir(parents=True, exist_ok=True)
            if file.relative_to(path).as_posix() not in missing:
                Image.new("RGB", (8, 8), (shade, number, 0)).save(file)
    described = {"channels": 3, "num_classes": None, "batch_size": 2, "seed": 0, "flip": False}
    return Folder(8, held_out=0.4, counterparts=True, path=str(path), cache="x", memory_gib=1.0, **described)  # type: ignore[arg-type]


def test_counterparts_are_held_out_together(tmp_path: Path) -> None:
    data = versions(tmp_path / "faces")
    data.load_splits()
    assert data.class_names == ("a", "b", "c") and data.held_out_identities is not None
    train, held_out = data.train_split, data.held_out_split
    assert (len(train.images), len(held_out.images)) == (12, 6)
    assert held_out.images[:, 0, 0, 0].tolist() == [[1, 0, 2][label] for label in held_out.labels.tolist()]
    numbers = held_out.images[:, 1, 0, 0]
    assert len(set((numbers // 2).tolist())) == 1
    assert not set((numbers // 2).tolist()) & set((train.images[:, 1, 0, 0] // 2).tolist())
    for identity in (0, 1):
        same = data.held_out_identities == identity
        assert len(set(numbers[same].tolist())) == 1
        assert sorted(held_out.labels[same].tolist()) == [0, 1, 2]
    assert held_out.labels[:3].tolist() == [0, 1, 1]


def test_a_thing_that_is_not_in_every_class_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"2/5.png has no picture of its name in .*b \(6 pictures in .*a, 5 in .*b\)"):
        versions(tmp_path / "faces", "b/2/5.bmp").load_splits()
    Image.new("RGB", (8, 8)).save(tmp_path / "faces" / "beside.png")
    with pytest.raises(ValueError, match=r"data.counterparts=true needs a folder for each class in .*faces"):
        versions(tmp_path / "faces").load_splits()
