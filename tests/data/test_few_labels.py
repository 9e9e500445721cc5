"""Which images have a label: as many of each class, by a seed of their own, and the others never show theirs."""

import re
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from ganforge.data.arrays import Arrays
from ganforge.data.few_labels import balanced
from ganforge.data.folder import Folder
from ganforge.data.module import RoundLoader

LABELS = torch.randint(3, (200,), generator=torch.Generator().manual_seed(1))
DESCRIBED = {"image_size": None, "channels": None, "num_classes": None, "batch_size": 8, "seed": 0, "flip": True}


def test_as_many_of_each_class_chosen_by_their_own_seed_alone() -> None:
    chosen = balanced(LABELS, 30, 0)
    assert LABELS[chosen].bincount().tolist() == [10, 10, 10]
    assert chosen.unique().equal(chosen)
    assert balanced(LABELS, 30, 0).equal(chosen)
    assert not balanced(LABELS, 30, 1).equal(chosen)
    assert set(balanced(LABELS, 12, 0).tolist()) < set(chosen.tolist())


@pytest.mark.parametrize(
    ("count", "message"),
    [
        (20, "data.labels=20 cannot be shared equally by 3 classes: use a multiple of 3"),
        (300, r"data.labels=300 are 100 of each class, and class \d has \d+ training images: use at most \d+"),
    ],
)
def test_unequal_shares_are_refused(count: int, message: str) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        balanced(LABELS, count, 0)
    if found := re.search(r"at most (\d+)", str(caught.value)):
        assert len(balanced(LABELS, int(found[1]), 0)) == int(found[1])


def archive(folder: Path) -> Arrays:
    """Each image has its own number for pixels."""
    numbers = np.arange(200, dtype=np.uint8)[:, None, None].repeat(4, 1).repeat(4, 2)
    np.savez(folder / "images.npz", images=numbers, labels=LABELS.numpy())
    data = Arrays(path=str(folder / "images.npz"), held_out=0.2, labels=6, **DESCRIBED)
    data.load_splits()
    return data


def test_labelled_images_are_shown_over_and_over_with_their_own_labels(tmp_path: Path) -> None:
    data = archive(tmp_path)
    shown = data._shown(frozenset({"labelled"}), torch.device("cpu"))
    assert shown["split"].labels is None
    loaders = [
        RoundLoader(**shown, batch_size=8, turns=2, start=0, seed=0, rank=rank, ranks=2, flip=True) for rank in (0, 1)
    ]
    rounds = [next(iter(loader))[0] for loader in loaders]
    assert [len(one.labelled.images) for one in rounds] == [8, 8]
    assert all(one.labels is None for one in rounds)
    numbers = torch.cat([one.labelled.images[:, 0, 0, 0] for one in rounds])
    assert torch.cat([one.labelled.labels for one in rounds]).equal(LABELS[numbers.long()])
    assert len(numbers.unique()) == 6
    assert [part.labelled.images.shape[0] for part in rounds[0].chunks(2)] == [4, 4]
    later = RoundLoader(**shown, batch_size=8, turns=2, start=16, seed=0, rank=0, ranks=2, flip=True)
    second = next(iter(loaders[0]))[1]
    assert next(iter(later))[0].labelled.images.equal(second.labelled.images)
    unit = second.to_unit_range(torch.float32).labelled.images
    assert unit.min() >= -1 and unit.max() <= 1


def test_folders_name_their_classes(tmp_path: Path) -> None:
    for number, name in enumerate(["zebra", "ant", "zebra", "ant"]):
        (tmp_path / name).mkdir(exist_ok=True)
        Image.new("L", (4, 4), number).save(tmp_path / name / f"{number}.png")
    described = DESCRIBED | {"image_size": 4, "channels": 1, "batch_size": 1}
    data = Folder(path=str(tmp_path), cache=str(tmp_path), held_out=0.5, memory_gib=1.0, **described)
    data.load_splits()
    assert data.class_names == ("ant", "zebra")
