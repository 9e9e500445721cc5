"""Data to translate from, whatever it is stored in: what is a source, what is held out, and what is shown together."""

import shutil
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from omegaconf import DictConfig
from PIL import Image

from ganforge.configuration.build import build
from ganforge.data.arrays import Arrays
from ganforge.data.digits import Digits
from ganforge.data.domains import Domains
from ganforge.data.folder import Folder
from ganforge.data.mixture2d import Mixture2d
from ganforge.data.module import InMemoryData, RoundLoader, Showing
from ganforge.data.pairs import Pairs
from ganforge.data.two_sets import TwoSets
from ganforge.data.views import Edges, Grey, Inpainting, LowResolution, View
from ganforge.interfaces import Batch

SIZE = 8
DESCRIBED = {"image_size": SIZE, "channels": 1, "num_classes": None, "batch_size": 2, "seed": 0, "flip": False}
STORED = DESCRIBED | {
    "source_channels": 1,
    "held_out": 0.25,
    "cache": "unused",
    "memory_gib": 1.0,
    "direction": "a_to_b",
}
COUNT = 12


def picture(path: Path, *shades: int) -> None:
    """Squares side by side, with a mark in the left corner of each."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.repeat(np.array(shades, np.uint8), SIZE)[None].repeat(SIZE, 0)
    pixels[0, ::SIZE] = 255
    Image.fromarray(pixels).save(path)


def side_by_side(path: Path, **changes: Any) -> Pairs:
    for number in range(COUNT):
        picture(path / f"{number:02}.png", number, 100 + number)
    return Pairs(path=str(path), **(STORED | changes))


def side_by_side_split(path: Path, **changes: Any) -> Pairs:
    for number in range(COUNT):
        picture(path / ("train" if number < 9 else "val") / f"{number:02}.png", number, 100 + number)
    return Pairs(path=str(path), **(STORED | changes))


def two_folders(path: Path, **changes: Any) -> Pairs:
    for number in range(COUNT):
        picture(path / "a" / "deeper" / f"{number:02}.png", number)
        picture(path / "b" / "deeper" / f"{number:02}.bmp", 100 + number)
    return Pairs(path=str(path / "b"), sources=str(path / "a"), **(STORED | changes))


def two_folders_split(path: Path, **changes: Any) -> Pairs:
    for number in range(COUNT):
        split = "train" if number < 9 else "test"
        picture(path / "a" / split / f"{number:02}.png", number)
        picture(path / "b" / split / f"{number:02}.png", 100 + number)
    return Pairs(path=str(path / "b"), sources=str(path / "a"), **(STORED | changes))


def squares(shades: np.ndarray) -> np.ndarray:
    images = shades.astype(np.uint8)[:, None, None].repeat(SIZE, 1).repeat(SIZE, 2)
    images[:, 0, 0] = 255
    return images


def archive(path: Path, **changes: Any) -> Pairs:
    path.mkdir(exist_ok=True)
    numbers = np.arange(COUNT)
    np.savez(path / "x.npz", sources=squares(numbers), images=squares(100 + numbers), labels=numbers % 3)
    return Pairs(path=str(path / "x.npz"), **(STORED | changes))


def viewed(path: Path, **changes: Any) -> Arrays:
    """In the place of a counterpart an image with a hole in it."""
    path.mkdir(exist_ok=True)
    np.savez(path / "x.npz", images=squares(100 + np.arange(COUNT)))
    return Arrays(path=str(path / "x.npz"), held_out=0.25, view=Inpainting(0.25), **(DESCRIBED | changes))


def official_domains(path: Path, **changes: Any) -> Domains:
    for domain, first in (("A", 0), ("B", 100)):
        for number in range(COUNT):
            picture(path / f"{'train' if number < 9 else 'test'}{domain}" / f"{number:02}.png", first + number)
    picture(path / "trainA" / "more.png", 50)
    return Domains(path=str(path), **(STORED | changes))


def two_domains(path: Path, **changes: Any) -> Domains:
    for number in range(COUNT):
        picture(path / "A" / f"{number:02}.png", number)
        picture(path / "B" / f"{number:02}.png", 100 + number)
    for number in range(4):
        picture(path / "A" / f"more{number}.png", 50 + number)
    return Domains(path=str(path), **(STORED | changes))


def two_sets(path: Path, **changes: Any) -> TwoSets:
    for number in range(COUNT):
        picture(path / "a" / f"{number:02}.png", number)
        picture(path / "b" / f"{number:02}.png", 100 + number)
    folders = [
        Folder(path=str(path / name), held_out=0.25, cache="unused", memory_gib=1.0, **DESCRIBED) for name in "ab"
    ]
    return TwoSets(*folders, **(DESCRIBED | changes))


PAIRED = [side_by_side, side_by_side_split, two_folders, two_folders_split, archive, viewed]
FILES = [side_by_side, side_by_side_split, two_folders, two_folders_split, archive]
UNPAIRED = [official_domains, two_domains, two_sets]
Make = Callable[..., InMemoryData]


def loaded(make: Make, path: Path, **changes: Any) -> InMemoryData:
    data = make(path / "data", **changes)
    data.load_splits()
    return data


def shades(images: torch.Tensor | None) -> list[int]:
    """The middle of each, which a mirrored and a cut image has as well."""
    assert images is not None
    return images[:, 0, images.shape[2] // 2, -3].tolist()


def shown(
    data: InMemoryData, needs: set[str], count: int, start: int = 0, rank: int = 0, ranks: int = 1
) -> list[Batch]:
    system = SimpleNamespace(
        needs=frozenset(needs),
        device=torch.device("cpu"),
        batches_per_round=1,
        batch_multiple=lambda images_seen: 1,
        progress=SimpleNamespace(images_seen=start),
    )
    data.trainer = SimpleNamespace(lightning_module=system, global_rank=rank, world_size=ranks, callbacks=[])  # type: ignore[assignment]
    batches = (batch for step in data.train_dataloader() for batch in step)
    return list(islice(batches, count))


@pytest.mark.parametrize("make", FILES)
def test_each_image_has_its_own_source_in_both_splits(tmp_path: Path, make: Make) -> None:
    data = loaded(make, tmp_path)
    assert data.gives >= {"images", "pairs", "sources"}
    assert (data.channels, data.source_channels, data.image_size) == (1, 1, SIZE)
    assert data.held_out_sources is not None
    assert data.train_sources is None
    assert torch.equal(data.held_out_sources.images, data.held_out_split.sources)
    assert (len(data.train_split.images), len(data.held_out_split.images)) == (9, 3)
    for split in (data.train_split, data.held_out_split):
        assert shades(split.images) == [100 + shade for shade in shades(split.sources)]
    assert sorted(shades(data.train_split.images) + shades(data.held_out_split.images)) == list(range(100, 112))


@pytest.mark.parametrize("make", [*FILES, official_domains, two_domains])
def test_the_direction_exchanges_sources_and_images(tmp_path: Path, make: Make) -> None:
    there, back = loaded(make, tmp_path), loaded(make, tmp_path, direction="b_to_a")
    for one, other in ((there, back), (back, there)):
        assert one.held_out_sources is not None
        assert torch.equal(one.held_out_sources.images, other.held_out_split.images)


@pytest.mark.parametrize("make", UNPAIRED)
def test_domains_are_stored_apart_and_held_out_apart(tmp_path: Path, make: Make) -> None:
    data = loaded(make, tmp_path)
    assert data.gives >= {"images", "sources"}
    assert "pairs" not in data.gives
    assert data.train_sources is not None
    assert data.held_out_sources is not None
    assert data.train_split.sources is None
    sources = shades(data.train_sources.images) + shades(data.held_out_sources.images)
    assert all(shade < 100 for shade in sources)
    assert len(set(sources)) == len(sources) >= COUNT
    assert sorted(shades(data.train_split.images) + shades(data.held_out_split.images)) == list(range(100, 112))


@pytest.mark.parametrize("make", PAIRED)
def test_counterparts_are_shown_together_mirrored_alike(tmp_path: Path, make: Make) -> None:
    data = loaded(make, tmp_path, flip=True)
    corners = set()
    for batch in shown(data, {"pairs"}, 20):
        assert batch.sources is not None
        if make is viewed:
            assert data.view is not None
            assert torch.equal(batch.sources, data.view(batch.images))
        else:
            assert shades(batch.images) == [100 + shade for shade in shades(batch.sources)]
        marks = [(field[:, 0, 0] == 255).int().argmax(1).tolist() for field in (batch.images, batch.sources)]
        assert marks[0] == marks[1]
        corners |= set(marks[0])
    assert corners == {0, SIZE - 1}


@pytest.mark.parametrize("make", [*PAIRED, *UNPAIRED])
def test_without_pairs_sources_have_an_order_of_their_own(tmp_path: Path, make: Make) -> None:
    """Each is shown once before any is shown again; the images are shown as if there were none."""
    data = loaded(make, tmp_path, flip=True)
    alone, beside = shown(data, set(), 60), shown(data, {"sources"}, 60)
    for one, other in zip(alone, beside, strict=True):
        assert one.sources is None
        assert torch.equal(one.images, other.images)
    images = [shade for batch in beside for shade in shades(batch.images)]
    sources = [shade for batch in beside for shade in shades(batch.sources)]
    length = len(set(sources))
    for epoch in range(3):
        assert len(set(sources[epoch * length : (epoch + 1) * length])) == length
    assert sum(image % 50 == source % 50 for image, source in zip(images, sources, strict=True)) < 40, "of 120"
    marks = [[(field[:, 0, 0] == 255).int().argmax(1).tolist() for field in (b.images, b.sources)] for b in beside]
    assert any(image != source for image, source in marks), "mirrored each by its own coin"


@pytest.mark.parametrize("needs", [{"pairs"}, {"sources"}])
@pytest.mark.parametrize("make", [side_by_side, archive, viewed, official_domains])
def test_a_resumed_run_and_every_rank_see_what_one_run_would(tmp_path: Path, make: Make, needs: set[str]) -> None:
    if make is official_domains and needs == {"pairs"}:
        return
    jitter = {} if make is viewed else {"jitter": 3}
    data = loaded(make, tmp_path, flip=True, **jitter)
    whole = shown(data, needs, 12)
    for one, other in zip(whole[5:], shown(data, needs, 7, start=10), strict=True):
        assert torch.equal(one.images, other.images)
        assert torch.equal(one.sources, other.sources)
    halves = [shown(data, needs, 12, rank=rank, ranks=2) for rank in range(2)]
    for batch, *shares in zip(whole, *halves, strict=True):
        assert shades(batch.images) == shades(torch.cat([share.images for share in shares]))
        assert shades(batch.sources) == shades(torch.cat([share.sources for share in shares]))


@pytest.mark.parametrize("make", [*FILES, official_domains, two_domains])
def test_jitter_shows_training_images_cut_anywhere_and_is_equal_for_a_pair(tmp_path: Path, make: Make) -> None:
    data = loaded(make, tmp_path, jitter=3)
    assert data.train_split.images.shape[-2:] == data.held_out_split.images.shape[-2:] == (SIZE, SIZE)
    assert data.stored.images.shape[-2:] == (SIZE + 3, SIZE + 3)
    assert torch.equal(data.train_split.images, data.stored.images[..., 1:-2, 1:-2])
    plain = loaded(make, tmp_path)
    assert torch.equal(data.held_out_split.images, plain.held_out_split.images)
    paired = "pairs" in data.gives
    for batch in shown(data, {"pairs"} if paired else {"sources"}, 10):
        assert batch.images.shape == batch.sources.shape == (2, 1, SIZE, SIZE)


def test_a_cut_is_a_piece_of_the_image_and_reaches_every_corner() -> None:
    """Pixels that are their own places say where a piece was cut."""
    places = torch.arange(36, dtype=torch.uint8).view(1, 1, 6, 6).expand(50, -1, -1, -1)
    show = Showing(Batch(places, None, places + 100), seed=0, rank=0, ranks=1, flip=False, crop=4)
    batch = show.at(0, 1, 50)
    corners = batch.images[:, 0, 0, 0]
    assert set(corners.tolist()) == {top * 6 + left for top in range(3) for left in range(3)}
    for corner, image in zip(corners.tolist(), batch.images, strict=True):
        top, left = divmod(corner, 6)
        assert torch.equal(image, places[0, :, top : top + 4, left : left + 4])
    assert batch.sources is not None
    assert torch.equal(batch.sources, batch.images + 100)
    assert torch.equal(Showing(Batch(places), 0, 0, 1, False, crop=4).at(0, 1, 50).images, batch.images)


@pytest.mark.parametrize("view", [None, Edges(), Grey(), LowResolution(4), Inpainting(0.5)])
def test_choosing_cutting_and_viewing_never_wait_for_a_device(view: View | None) -> None:
    """Tensors without content: whatever asks for a value fails."""
    images = torch.empty(20, 3, 10, 10, dtype=torch.uint8, device="meta")
    options = {"start": 0, "seed": 0, "rank": 0, "ranks": 1, "flip": True, "crop": 8, "view": view}
    for unpaired in (None, Batch(images)):
        step = next(iter(RoundLoader(Batch(images, None, images), 4, 2, unpaired=unpaired, **options)))
        assert step[0].sources is not None
        assert step[0].sources.shape == (8, 3 if view is None else view.channels(3), 8, 8)


def test_a_folder_of_images_takes_jitter_and_a_view(tmp_path: Path) -> None:
    for number in range(8):
        picture(tmp_path / "x" / f"{number}.png", number)
    options = DESCRIBED | {"cache": "unused", "held_out": 0.5, "memory_gib": 0.0, "jitter": 2}
    data = Folder(path=str(tmp_path / "x"), view=Inpainting(0.5), **(options | {"cache": str(tmp_path)}))
    data.load_splits()
    assert data.stored.images.shape == (4, 1, SIZE + 2, SIZE + 2)
    for batch in shown(data, {"pairs"}, 3):
        assert torch.equal(batch.sources, Inpainting(0.5)(batch.images))


def test_pairs_beyond_memory_are_mapped_from_files(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    cache.mkdir()
    plain = loaded(side_by_side, tmp_path)
    mapped = loaded(side_by_side, tmp_path, memory_gib=0.0, cache=str(cache))
    assert f"{cache}/#" in Path("/proc/self/maps").read_text()
    assert not list(cache.iterdir())
    for one, other in zip(
        (*plain.train_split, *plain.held_out_split), (*mapped.train_split, *mapped.held_out_split), strict=True
    ):
        assert one is other is None or torch.equal(one, other)


def test_gray_gets_the_channels_of_the_other_set_and_both_keep_their_labels(tmp_path: Path) -> None:
    for name in ("cat", "dog"):
        for number in range(4):
            picture(tmp_path / "x" / name / f"{number}.png", number)
    gray = Digits(held_out=0.5, **(DESCRIBED | {"num_classes": 10}))
    options = {"held_out": 0.5, "cache": "unused", "memory_gib": 1.0}
    colours = Folder(path=str(tmp_path / "x"), **(DESCRIBED | options | {"channels": 3}))
    data = TwoSets(gray, colours, **(DESCRIBED | {"channels": None, "image_size": SIZE}))
    assert (data.channels, data.source_channels) == (3, 3), "known before anything is read"
    data.load_splits()
    assert data.held_out_sources is not None
    assert data.held_out_sources.images.shape == (899, 3, SIZE, SIZE)
    assert torch.equal(data.held_out_sources.images[:, 2:], gray.held_out_split.images)
    assert data.held_out_sources.labels is not None
    assert data.held_out_sources.labels.max() == 9
    assert data.num_classes == 2
    assert (data.name, data.split_name) == ("digits_to_x", "held out 0.5 of folder x")


def missing_counterpart(path: Path) -> None:
    (path / "a" / "deeper" / "03.png").unlink()


def another_case(path: Path) -> None:
    (path / "a" / "deeper" / "03.png").rename(path / "a" / "deeper" / "three.png")
    (path / "b" / "deeper" / "03.bmp").rename(path / "b" / "deeper" / "Three.bmp")


def one_source(path: Path) -> None:
    for file in sorted((path / "A").iterdir())[1:]:
        file.unlink()


def two_suffixes(path: Path) -> None:
    shutil.copy(path / "b" / "deeper" / "03.bmp", path / "b" / "deeper" / "03.png")


def truncated(path: Path) -> None:
    file = sorted(path.rglob("*.png"))[0]
    file.write_bytes(file.read_bytes()[:60])


def odd_width(path: Path) -> None:
    Image.new("L", (15, 8)).save(path / "04.png")


def no_tests(path: Path) -> None:
    shutil.rmtree(path / "val")


def emptied(path: Path) -> None:
    for file in (path / "train").iterdir():
        file.rename(file.with_suffix(".txt"))


def no_test_of_b(path: Path) -> None:
    shutil.rmtree(path / "testB")


def no_b(path: Path) -> None:
    shutil.rmtree(path / "B")


def rewritten(**arrays: Any) -> Callable[[Path], None]:
    return lambda path: np.savez(path / "x.npz", **arrays)


def half_an_archive(path: Path) -> None:
    whole = (path / "x.npz").read_bytes()
    (path / "x.npz").write_bytes(whole[: len(whole) // 2])


FEW, MANY = np.zeros((7, SIZE, SIZE), np.uint8), np.zeros((8, SIZE, SIZE), np.uint8)
HOSTILE = {
    "missing counterpart": (two_folders, missing_counterpart, r"03\.bmp has no picture .* \(11 pictures .* 12 "),
    "another case": (two_folders, another_case, r"Three\.bmp has no picture .*; three\.png is spelled differently$"),
    "two suffixes": (two_folders, two_suffixes, r"03\.bmp and .*03\.png are one name with two suffixes"),
    "truncated half": (side_by_side, truncated, r"00\.png is not a readable image"),
    "odd width": (side_by_side, odd_width, r"04\.png is 15 pixels wide, an odd number"),
    "no tests": (side_by_side_split, no_tests, r"has train/ but neither test/ nor val/: data\.path=.*/train holds"),
    "no pictures": (side_by_side_split, emptied, r"train has no images"),
    "a domain without tests": (official_domains, no_test_of_b, r"testB: no such folder"),
    "a domain alone": (two_domains, no_b, r"has neither the folders trainA, testA, trainB, testB nor A and B"),
    "no sources": (archive, rewritten(images=FEW), r"x\.npz has no array named `sources`, only images"),
    "unequal numbers": (archive, rewritten(images=MANY, sources=FEW), r"has 8 `images` and 7 `sources`"),
    "float sources": (archive, rewritten(images=MANY, sources=MANY / 255), r"`sources` must be uint8.*sources \* 255"),
    "pickle": (archive, rewritten(images=MANY, sources=np.array([{}] * 8)), "cannot be read as an .npz of plain"),
    "few labels": (archive, rewritten(images=MANY, sources=MANY, labels=np.zeros(3, int)), "one integer from 0"),
    "half an archive": (archive, half_an_archive, "cannot be read as an .npz of plain arrays"),
}  # fmt: skip


@pytest.mark.parametrize("case", HOSTILE)
def test_what_is_broken_is_named(tmp_path: Path, case: str) -> None:
    make, spoil, message = HOSTILE[case]
    data = make(tmp_path / "data")
    spoil(tmp_path / "data")
    with pytest.raises(ValueError, match=message):
        data.load_splits()


def test_an_archive_that_unpacks_to_too_much_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = archive(tmp_path)
    monkeypatch.setattr("ganforge.data.arrays.refuse_bombs", refuse_any)
    with pytest.raises(ValueError, match=r"cannot be read as an \.npz of plain arrays .*: too much$"):
        data.load_splits()


def refuse_any(path: Path) -> None:
    raise ValueError("too much")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda path: archive(path, sources="other"), "data.sources=other: the sources of .* are in it"),
        (
            lambda path: side_by_side(path, image_size=None),
            "data.image_size=, data.channels= and data.source_channels=",
        ),
        (lambda path: side_by_side(path, jitter=-1), "data.jitter must not be negative"),
        (
            lambda path: two_sets(path).__class__(Mixture2d("ring", 9, **DESCRIBED), None, **DESCRIBED),
            "mixture2d is none$",
        ),
        (lambda path: two_sets(path, image_size=4), "data.source.image_size=8 has no place here: data.image_size is"),
        (lambda path: loaded(archive, path.parent, source_channels=3), "data.source_channels=3, but x has 1"),
    ],
)
def test_what_cannot_be_meant_is_refused(tmp_path: Path, make: Callable[[Path], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make(tmp_path / "data")


@pytest.mark.parametrize(
    ("share", "message"),
    [
        ("0.1", r"^data.held_out=0.1 of the 1 sources of data are 0, and 1 must be held out: use more sources"),
        ("0.6", r"^data.held_out=0.6 of the 1 sources of data are all of them$"),
    ],
)
def test_a_single_source_is_refused(
    composed: Callable[..., DictConfig], tmp_path: Path, share: str, message: str
) -> None:
    two_domains(tmp_path / "data")
    one_source(tmp_path / "data")
    words = ["data=domains", f"data.path={tmp_path / 'data'}", f"data.held_out={share}", "data.image_size=16"]
    with pytest.raises(ValueError, match=message):
        build(composed(*CYCLEGAN, *words))


SMALL = [
    "model.generator.width=2",
    "model.discriminator.receptive_field=1",
    "metrics=none",
    "logger=none",
    "data.batch_size=2",
]
PIX2PIX, CYCLEGAN = ["model=pix2pix", *SMALL], ["model=cyclegan", "model.generator.blocks=1", *SMALL]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["view=edges"], "^view=edges is for a model that translates, such as model=pix2pix: leave it out$"),
        (PIX2PIX, "^the system Pix2Pix needs pairs, and digits has none. Use view=edges, or data=pairs$"),
        (CYCLEGAN, "^the system CycleGAN needs sources, and digits has none. Use view=edges, data=domains or data=two"),
        ([*PIX2PIX, "data=domains", "data.path=x"], "^the system Pix2Pix needs pairs, and x has none"),
        ([*PIX2PIX, "data=pairs", "data.path=x", "view=grey"], "^view=grey makes sources, and x has its own"),
        (["data=pairs", "data.path=x"], "^x has sources for a model that translates"),
        ([*PIX2PIX, "data=mixture2d", "model=pix2pix", "view=edges"], "^view=edges needs images, and mixture2d"),
        ([*PIX2PIX, "view=grey"], "^view=grey is for images in colour"),
        ([*PIX2PIX, "view=low_resolution", "view.factor=5"], "^view.factor=5 does not divide images of 32x32"),
        ([*PIX2PIX, "view=low_resolution", "view.factor=x"], "^view.factor=x should be a whole number"),
        ([*CYCLEGAN, "data=two_sets", "data.source.flip=true"], "^data.source.flip=True has no place here"),
    ],
)  # fmt: skip
def test_what_does_not_go_together_is_refused_before_anything_is_read(
    composed: Callable[..., DictConfig], monkeypatch: pytest.MonkeyPatch, words: list[str], message: str
) -> None:
    monkeypatch.setattr(InMemoryData, "load_splits", lambda _: pytest.fail("it was read"))
    with pytest.raises(ValueError, match=message):
        build(composed(*words))


@pytest.mark.parametrize("words", [["view=edges"], ["view=inpainting"], ["view=grey", "data=cifar10"]])
def test_networks_are_built_for_the_sources_before_anything_is_read(
    composed: Callable[..., DictConfig], monkeypatch: pytest.MonkeyPatch, words: list[str]
) -> None:
    class Built(Exception):
        pass

    def load(data: InMemoryData) -> None:
        raise Built(data.source_channels)

    monkeypatch.setattr(InMemoryData, "load_splits", load)
    monkeypatch.setattr("ganforge.configuration.build.refuse_low_precision", lambda system, _: built.append(system))
    built: list[Any] = []
    with pytest.raises(ValueError, match="cannot be built: Built: 1"):
        build(composed(*PIX2PIX, *words))
    assert len(built) == 1


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (side_by_side, ["data=pairs", "data.path={}"]),
        (two_folders, ["data=pairs", "data.path={}/b", "data.sources={}/a"]),
        (archive, ["data=pairs", "data.path={}/x.npz"]),
        (official_domains, ["data=domains", "data.path={}"]),
        (two_sets, ["data=two_sets", "data@data.source=digits", "data@data.target=folder", "data.target.path={}/b",
                    "data.target.channels=1"]),
    ],
)  # fmt: skip
def test_the_command_lines_that_are_promised_build(
    composed: Callable[..., DictConfig], tmp_path: Path, make: Make, words: list[str]
) -> None:
    make(tmp_path / "data")
    facts = [] if make is two_sets else ["data.channels=1", "data.source_channels=1"]
    words = [word.format(tmp_path / "data") for word in words] + ["data.image_size=8", *facts]
    for model in (PIX2PIX, CYCLEGAN):
        if "data=pairs" in words or model is CYCLEGAN:
            data = build(composed(*model, *words)).data
            assert data.held_out_sources is not None
