"""The public benchmark data sets, through torchvision's downloads, checksums and readers."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torchvision import datasets

from ganforge.data.module import InMemoryData, resized
from ganforge.interfaces import Batch


class TorchvisionData(InMemoryData):
    """A torchvision data set, with its official test split held out. Files already below `root` are not downloaded."""

    dataset: Callable[..., Any]
    splits: tuple[dict[str, Any], dict[str, Any]]

    def __init__(self, root: str, **described: Any) -> None:
        super().__init__(**described)
        self.root = Path(root)
        self.split_name = f"test split of {self.name}"

    def expected_files(self) -> dict[Path, str]:
        """The files below `root` that make the data set, with their MD5 sums."""
        raise AssertionError("a subclass knows its files")

    def load(self) -> tuple[Batch, Batch]:
        try:
            return tuple(self._split(split) for split in self.splits)  # type: ignore[return-value]
        except Exception as error:  # torchvision's readers raise nearly anything for bytes that were tampered with
            raise ValueError(self._diagnosis(error)) from error

    def _split(self, split: dict[str, Any]) -> Batch:
        dataset = self.dataset(self.root, download=True, **split)
        labels = getattr(dataset, "targets", None)
        labels = dataset.labels if labels is None else labels
        images = torch.as_tensor(np.ascontiguousarray(dataset.data))
        if images.dim() == 3:
            images = images[:, None]
        elif images.shape[-1] == 3:
            images = images.movedim(-1, 1).contiguous()
        if len(images) != len(labels):
            raise ValueError(f"{len(images)} images and {len(labels)} labels")
        assert self.image_size is not None
        return Batch(resized(images, self.image_size), torch.as_tensor(labels).long())

    def _diagnosis(self, error: Exception) -> str:
        for file, expected in self.expected_files().items():
            if file.is_file() and (found := md5(file)) != expected:
                return f"{file} is corrupt: its MD5 is {found}, expected {expected}. Remove it to download it again."
        missing = [f"{file} (MD5 {expected})" for file, expected in self.expected_files().items() if not file.exists()]
        if not missing:
            return f"{self.name} in {self.root} cannot be read: {error}"
        return (
            f"{self.name} could not be downloaded, or what was there is broken ({type(error).__name__}). "
            f"Set data.root= or put these files there: {', '.join(missing)}"
        )


def md5(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "md5").hexdigest()


class MNIST(TorchvisionData):
    """LeCun et al. 1998: 60,000 + 10,000 gray handwritten digits of 28x28."""

    name = "mnist"
    dataset: Any = datasets.MNIST
    splits = ({"train": True}, {"train": False})

    def expected_files(self) -> dict[Path, str]:
        raw = self.root / self.dataset.__name__ / "raw"
        return {raw / file: checksum for file, checksum in self.dataset.resources}


class FashionMNIST(MNIST):
    """Xiao et al. 2017: clothes in the format of MNIST."""

    name = "fashion_mnist"
    dataset = datasets.FashionMNIST
    class_names = tuple(datasets.FashionMNIST.classes)


class SVHN(TorchvisionData):
    """Netzer et al. 2011, cropped digits: 73,257 + 26,032 colour images of 32x32."""

    name = "svhn"
    dataset = datasets.SVHN
    splits = ({"split": "train"}, {"split": "test"})

    def expected_files(self) -> dict[Path, str]:
        entries = [datasets.SVHN.split_list[split["split"]] for split in self.splits]
        return {self.root / file: checksum for _, file, checksum in entries}


class CIFAR10(TorchvisionData):
    """Krizhevsky 2009: 50,000 + 10,000 colour images of 32x32 in ten classes."""

    name = "cifar10"
    dataset = datasets.CIFAR10
    class_names = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
    splits = ({"train": True}, {"train": False})

    def expected_files(self) -> dict[Path, str]:
        return {self.root / datasets.CIFAR10.filename: datasets.CIFAR10.tgz_md5}
