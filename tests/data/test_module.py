"""The order of the data, its sharing among ranks, and the splits."""

from itertools import chain, islice

import pytest
import torch

from ganforge.data.digits import Digits
from ganforge.data.mixture2d import Mixture2d, mixture
from ganforge.data.module import RoundLoader, ShuffledStream, binarized, held_out_order, hold_out, resident, resized
from ganforge.interfaces import Batch

DESCRIBED = {
    "image_size": None,
    "channels": None,
    "num_classes": None,
    "batch_size": 4,
    "seed": 0,
    "flip": False,
}


def numbered(count: int) -> Batch:
    """Images whose pixels are their number."""
    return Batch(torch.arange(count, dtype=torch.uint8)[:, None, None, None].expand(-1, 1, 2, 2), torch.arange(count))


def rounds(split: Batch, count: int, **changes: object) -> list[Batch]:
    options = {
        "batch_size": 4,
        "turns": 1,
        "start": 0,
        "seed": 0,
        "rank": 0,
        "ranks": 1,
        "flip": False,
    } | changes
    steps = iter(RoundLoader(split, **options))
    return list(islice(chain.from_iterable(steps), count))


def numbers(batches: list[Batch]) -> list[int]:
    return torch.cat([batch.images[:, 0, 0, 0] for batch in batches]).tolist()


def test_every_epoch_is_another_permutation() -> None:
    stream = ShuffledStream(10, seed=3)
    first, second = stream.take(0, 10).tolist(), stream.take(10, 10).tolist()
    assert sorted(first) == sorted(second) == list(range(10))
    assert first != second


@pytest.mark.parametrize("start", [0, 7, 10, 25])
def test_any_stretch_is_a_function_of_its_place(start: int) -> None:
    whole = ShuffledStream(10, seed=3).take(0, 60)
    assert torch.equal(ShuffledStream(10, seed=3).take(start, 23), whole[start : start + 23])


def test_loader_starts_anywhere() -> None:
    assert numbers(rounds(numbered(10), 8))[8:] == numbers(rounds(numbered(10), 6, start=8))


@pytest.mark.parametrize(
    ("pauses", "start", "expected"),
    [([], 0, [8, 8, 8]), ([20], 0, [5, 5, 5]), ([10], 0, [3, 2, 3]), ([1], 0, [1, 1, 1]), ([40, 12], 24, [3, 1, 2])],
)
def test_a_step_ends_where_somebody_waits_for_the_clock(pauses: list[int], start: int, expected: list[int]) -> None:
    """By hand, with rounds of 4 images: after 20, 40, 60 for a pause at every 20; after 12, 20, 32 for every 10."""
    loader = RoundLoader(numbered(10), 4, 1, start, seed=0, rank=0, ranks=1, flip=False, pauses=pauses)
    assert [len(step) for step in islice(loader, 3)] == expected


def test_labels_travel_with_their_images() -> None:
    for batch in rounds(numbered(10), 5):
        assert batch.labels is not None
        assert batch.labels.tolist() == batch.images[:, 0, 0, 0].tolist()


def test_ranks_share_every_turn_out() -> None:
    alone = rounds(numbered(40), 3, batch_size=4, turns=2)
    halves = [rounds(numbered(40), 3, batch_size=4, turns=2, rank=rank, ranks=2) for rank in range(2)]
    for whole, left, right in zip(alone, *halves, strict=True):
        for turn, mine, yours in zip(whole.chunks(2), left.chunks(2), right.chunks(2), strict=True):
            together = mine.images[:, 0, 0, 0].tolist() + yours.images[:, 0, 0, 0].tolist()
            assert together == turn.images[:, 0, 0, 0].tolist()


def test_flip_mirrors_some_images_and_is_repeatable() -> None:
    images = torch.zeros(50, 1, 2, 2, dtype=torch.uint8)
    images[..., 0] = 255
    first, again = (rounds(Batch(images), 1, batch_size=50, flip=True)[0].images for _ in range(2))
    mirrored = (first[:, 0, 0, 1] == 255).sum().item()
    assert torch.equal(first, again)
    assert 10 < mirrored < 40
    assert ((first[..., 0] == 255) ^ (first[..., 1] == 255)).all()


def test_held_out_images_do_not_depend_on_the_run_and_are_not_trained_on() -> None:
    splits = []
    for seed in (1, 2):
        digits = Digits(held_out=0.5, **(DESCRIBED | {"image_size": 16, "seed": seed}))
        digits.load_splits()
        splits.append(digits)
    assert torch.equal(splits[0].held_out_split.images, splits[1].held_out_split.images)
    order = held_out_order(10, 0.3)
    train, held_out = hold_out(Batch(order), 0.3)
    assert (len(train.images), len(held_out.images)) == (7, 3)
    assert sorted([*train.images.tolist(), *held_out.images.tolist()]) == list(range(10))


@pytest.mark.parametrize("fraction", [0.0, 1.0, -1.0])
def test_held_out_fraction_out_of_range_is_refused(fraction: float) -> None:
    with pytest.raises(ValueError, match="held_out"):
        held_out_order(10, fraction)


def test_images_beyond_half_of_a_gpus_free_memory_stay_where_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    split = numbered(100)
    free, whole = 2 * split.images.nbytes - 2, 2**40
    monkeypatch.setattr("torch.cuda.mem_get_info", lambda device: (free, whole))
    assert resident(split, torch.device("cuda")) is split
    assert resident(split, torch.device("cpu")).images.device.type == "cpu"


def test_unit_range_maps_black_and_white_exactly() -> None:
    pixels = torch.tensor([0, 255], dtype=torch.uint8).view(2, 1, 1, 1)
    assert Batch(pixels).to_unit_range(torch.float32).images.flatten().tolist() == [-1.0, 1.0]


def test_resizing_keeps_the_mean_and_the_range() -> None:
    images = torch.randint(0, 256, (5, 3, 32, 32), dtype=torch.uint8)
    small = resized(images, 16)
    assert small.shape == (5, 3, 16, 16)
    assert small.dtype == torch.uint8
    assert small.float().mean().item() == pytest.approx(images.float().mean().item(), abs=1)


def test_batch_larger_than_the_data_is_refused() -> None:
    digits = Digits(held_out=0.5, **(DESCRIBED | {"image_size": 16, "batch_size": 10_000}))
    with pytest.raises(ValueError, match="10000 is larger than the training data: digits has 898"):
        digits.load_splits()


def test_wrong_description_is_refused() -> None:
    digits = Digits(held_out=0.5, **(DESCRIBED | {"image_size": 16, "channels": 3}))
    assert digits.split_name == "held out 0.5 of digits"
    with pytest.raises(ValueError, match="channels=3, but digits has 1"):
        digits.load_splits()


@pytest.mark.parametrize(("layout", "count", "sigma"), [("ring", 8, 0.008), ("grid", 25, 0.01)])
def test_mixture_has_its_modes_and_spread(layout: str, count: int, sigma: float) -> None:
    data = Mixture2d(layout=layout, points=20_000, **(DESCRIBED | {"image_size": 1, "channels": 2}))
    data.load_splits()
    modes, deviation = mixture(layout)
    points = data.train_split.images.flatten(1)
    nearest = torch.cdist(points, modes).argmin(1)
    assert deviation == pytest.approx(sigma)
    assert torch.bincount(nearest, minlength=count).min() > 0.8 * 20_000 / count
    assert (points - modes[nearest]).std().item() == pytest.approx(sigma, rel=0.02)
    assert points.abs().max() < 1
    assert data.split_name == f"fresh draws from the {layout}"
    assert modes.abs().max().item() == pytest.approx(0.8)
    assert (len(points), len(data.held_out_split.images)) == (20_000, 2000)


def test_binarised_pixels_are_white_as_often_as_they_are_bright() -> None:
    levels = torch.tensor([0, 51, 255], dtype=torch.uint8).view(1, 1, 1, 3).expand(20_000, 1, 1, 3)
    images = binarized(Batch(levels), torch.Generator().manual_seed(0)).images
    assert set(images.unique().tolist()) == {0, 255}
    assert (images / 255.0).mean((0, 1, 2)).tolist() == pytest.approx([0, 0.2, 1], abs=0.01)


@pytest.mark.parametrize("binarize", ["static", "dynamic"])
def test_held_out_images_are_binarised_once_and_training_images_as_asked(binarize: str) -> None:
    one, two = (Digits(held_out=0.5, **DESCRIBED | {"image_size": 16, "seed": s, "binarize": binarize}) for s in (0, 1))
    one.load_splits()
    two.load_splits()
    assert torch.equal(one.held_out_split.images, two.held_out_split.images)
    assert set(one.held_out_split.images.unique().tolist()) == {0, 255}
    assert (len(one.train_split.images.unique()) == 2) == (binarize == "static")


def test_a_shown_image_is_binarised_anew_and_alike_in_a_resumed_run() -> None:
    grey = Batch(torch.full((4, 1, 8, 8), 128, dtype=torch.uint8))
    first, second = (batch.images for batch in rounds(grey, 2, binarize=True))
    assert set(first.unique().tolist()) == {0, 255}
    assert not torch.equal(first, second)
    assert torch.equal(rounds(grey, 1, start=4, binarize=True)[0].images, second)


def test_points_are_not_binarised() -> None:
    described = DESCRIBED | {"image_size": 1, "channels": 2, "binarize": "static"}
    with pytest.raises(ValueError, match=r"data\.binarize=static is for images, and"):
        Mixture2d(layout="ring", points=100, **described).load_splits()


def digits(normal: int | list[int] | None) -> Digits:
    data = Digits(0.5, image_size=16, channels=1, num_classes=10, batch_size=8, seed=0, flip=False, normal=normal)
    data.load_splits()
    return data


@pytest.mark.parametrize("normal", [3, [3, 7]])
def test_normal_classes_are_all_that_is_trained_with(normal: int | list[int]) -> None:
    data, whole = digits(normal), digits(None)
    chosen = set(normal) if isinstance(normal, list) else {normal}
    assert set(data.train_split.labels.tolist()) == set(data.held_out_split.labels.tolist()) == chosen
    assert set(data.held_out_anomalies.labels.tolist()) == set(range(10)) - chosen
    assert len(data.held_out_split.images) + len(data.held_out_anomalies.images) == len(whole.held_out_split.images)
    assert data.num_classes == 10
    assert ("labels" in data.gives) == isinstance(normal, list)
    assert whole.held_out_anomalies is None


@pytest.mark.parametrize("normal", [12, -1, [], list(range(10)), [0, 10]])
def test_normal_classes_must_be_some_of_those_there_are(normal: int | list[int]) -> None:
    with pytest.raises(ValueError, match="should name some of the classes of digits, and not all"):
        digits(normal)
