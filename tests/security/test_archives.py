"""Archives and packed arrays: nothing is unpacked before its checksum is right, and no more than memory holds."""

import gzip
import io
import pickle
import random
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
import scipy.io
from torchvision.datasets import utils

from ganforge.data import benchmarks
from ganforge.metrics.inception import safely_loaded

from ..data.test_files import DESCRIBED, mnist, small_mnist  # noqa: F401
from .hostile import Bite, saved


def member(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.type, entry.linkname = kind, link
    return entry


def archive(*entries: tarfile.TarInfo) -> bytes:
    """A .tar.gz of empty members."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as tar:
        for entry in entries:
            tar.addfile(entry)
    return content.getvalue()


def bomb(gigabytes: int) -> bytes:
    """A gzipped tar header that claims a member, without what it would take."""
    entry = tarfile.TarInfo("cifar-10-batches-py/data_batch_1")
    entry.size = gigabytes * 2**30
    return gzip.compress(entry.tobuf() + bytes(2**20))


ARCHIVES: dict[str, Callable[[Path], bytes]] = {
    "parent": lambda _: archive(member("../escaped")),
    "absolute": lambda outside: archive(member(str(outside / "escaped"))),
    "link to the outside": lambda _: archive(member("x", tarfile.SYMTYPE, ".."), member("x/escaped")),
    "hard link": lambda _: archive(member("x", tarfile.LNKTYPE, "../secret")),
    "device": lambda _: archive(member("x", tarfile.CHRTYPE)),
    "pipe": lambda _: archive(member("x", tarfile.FIFOTYPE)),
    "bomb": lambda _: bomb(100),
    "no archive": lambda _: b"hello",
}


def load(name: str, root: Path) -> None:
    getattr(benchmarks, name)(root=str(root), **(DESCRIBED | {"image_size": 32})).load_splits()


@pytest.fixture(params=["offline", "hostile server"])
def network(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Callable[[bytes], None]:
    """`network(content)`: whatever is downloaded fails, or is `content`."""

    def retrieve(content: bytes, file: str) -> None:
        if request.param == "offline":
            raise OSError("no network in this test")
        Path(file).write_bytes(content)

    def serve(content: bytes) -> None:
        monkeypatch.setattr(utils, "_get_redirect_url", lambda url, **_: url)
        monkeypatch.setattr(utils, "_urlretrieve", lambda _, file, **__: retrieve(content, file))

    return serve


@pytest.mark.parametrize("case", ARCHIVES)
@pytest.mark.parametrize("there", [True, False])
def test_cifar_of_a_stranger_is_not_unpacked(
    tmp_path: Path, network: Callable[[bytes], None], case: str, there: bool
) -> None:
    content = ARCHIVES[case](tmp_path)
    (tmp_path / "secret").write_text("mine")
    root = tmp_path / "root"
    root.mkdir()
    if there:
        (root / "cifar-10-python.tar.gz").write_bytes(content)
    network(content)
    with pytest.raises(ValueError, match=r"cifar-10-python\.tar\.gz"):
        load("CIFAR10", root)
    assert {path.name for path in root.iterdir()} <= {"cifar-10-python.tar.gz"}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["root", "secret"]


def test_unpacked_cifar_of_a_stranger_is_not_unpickled(
    tmp_path: Path, marker: Path, network: Callable[[bytes], None]
) -> None:
    folder = tmp_path / "cifar-10-batches-py"
    folder.mkdir()
    for name, _ in [*benchmarks.datasets.CIFAR10.train_list, *benchmarks.datasets.CIFAR10.test_list]:
        (folder / name).write_bytes(pickle.dumps(Bite(marker)))
    (folder / "batches.meta").write_bytes(pickle.dumps(Bite(marker)))
    network(b"")
    with pytest.raises(ValueError, match=r"cifar-10-python\.tar\.gz"):
        load("CIFAR10", tmp_path)
    assert not marker.exists()


@pytest.mark.parametrize("name", ["MNIST", "FashionMNIST", "SVHN"])
def test_packed_images_of_a_stranger_are_not_unpacked(
    tmp_path: Path, network: Callable[[bytes], None], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = getattr(benchmarks, name)(root=str(tmp_path), **(DESCRIBED | {"image_size": 32}))
    for file in data.expected_files():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(gzip.compress(bytes(1000)))
    before = sorted(tmp_path.rglob("*"))
    network(gzip.compress(bytes(1000)))
    monkeypatch.setattr(scipy.io, "loadmat", lambda *_: pytest.fail("an unverified file is read"))
    monkeypatch.setattr(utils, "extract_archive", lambda *_: pytest.fail("an unverified file is unpacked"))
    with pytest.raises(ValueError, match=r"is corrupt: its MD5 is"):
        data.load_splits()
    assert sorted(tmp_path.rglob("*")) == before


def test_tensors_that_torchvision_once_kept_are_not_unpickled(small_mnist: Path, marker: Path) -> None:  # noqa: F811
    folder = small_mnist / "MNIST" / "processed"
    folder.mkdir()
    for name in ("training.pt", "test.pt"):
        (folder / name).write_bytes(saved(Bite(marker)))
    with pytest.raises(ValueError, match="mnist"):
        mnist(small_mnist)
    assert not marker.exists()


def test_unpacked_images_that_were_tampered_with_are_images_or_a_sentence(small_mnist: Path) -> None:  # noqa: F811
    """They have no checksums: at worst they are other pictures."""
    mnist(small_mnist)
    raw = small_mnist / "MNIST" / "raw"
    for seed in range(120):
        luck = random.Random(seed)
        file = raw / luck.choice(["train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte"])
        content = bytearray(file.read_bytes())
        original = bytes(content)
        place = luck.randrange(16)
        content[place : place + luck.randrange(3)] = luck.randbytes(luck.randrange(5))
        file.write_bytes(content)
        try:
            data = mnist(small_mnist)
            assert data.train_split.images.shape[1:] == (1, 28, 28)
            assert len(data.train_split.images) == len(data.train_split.labels)
        except ValueError as error:
            assert "mnist" in str(error)
        file.write_bytes(original)


def test_weights_of_inception_are_not_unpickled(tmp_path: Path, marker: Path) -> None:
    for number, content in enumerate((saved(Bite(marker)), pickle.dumps(Bite(marker), protocol=2))):
        path = tmp_path / f"{number}.pth"
        path.write_bytes(content)
        with pytest.raises(ValueError, match=str(path)):
            safely_loaded(path)
        assert not marker.exists()
