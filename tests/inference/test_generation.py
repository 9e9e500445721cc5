"""What is written of a generator, and what is refused before anything is written."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hydra import compose, initialize_config_dir
from PIL import Image
from safetensors.torch import load_file
from torch import Tensor, nn

from ganforge.artifacts.images import read_image, to_uint8
from ganforge.artifacts.tensors import save_generator
from ganforge.data.folder import Folder
from ganforge.inference.generation import (
    Request,
    drawn,
    generate,
    loop_frames,
    refuse_unknown_labels,
    requested,
    write_images,
    write_points,
    write_projection,
)
from ganforge.networks import dcgan, mlp
from ganforge.pretrained import BLOCK, PretrainedGenerator
from ganforge.sampling.latent import Latent

from ..conftest import ROOT

REQUEST = Request(
    run=None,
    weights=None,
    count=12,
    first=0,
    seed=0,
    truncation=None,
    standing=False,
    labels=None,
    project=None,
    output=None,
)


class Conditional(nn.Module):
    """Images (B, 1, 8, 8) whose left half says the class and whose right half says the latent."""

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        self.num_classes = num_classes
        self.gain = nn.Parameter(torch.ones(1))

    def forward(self, z: Tensor, label: Tensor) -> Tensor:
        halves = [(label / self.num_classes)[:, None].expand(-1, 4), self.gain * z.tanh()]
        return torch.cat(halves, 1)[:, None, None, :].expand(-1, 1, 8, 8)


def conditional(num_classes: int = 12) -> PretrainedGenerator:
    return PretrainedGenerator(Conditional(num_classes), Latent(4), {}, {})


def plain(image_size: int = 8, channels: int = 3) -> PretrainedGenerator:
    return PretrainedGenerator(mlp.Generator(6, image_size, channels, [16]), Latent(6), {}, {})


def run_folder(folder: Path, channels: int = 3) -> Path:
    arguments = {"latent_dim": 6, "image_size": 8, "channels": channels, "hidden": [16]}
    model = {
        "generator": {"_target_": "ganforge.networks.mlp.Generator", **arguments},
        "latent": {"_target_": "ganforge.sampling.latent.Latent", "dim": 6, "distribution": "normal"},
    }
    save_generator(folder / "generator.safetensors", mlp.Generator(**arguments), {"model": model}, {})
    return folder


def files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_every_image_is_the_one_of_its_number(tmp_path: Path) -> None:
    generator = plain()
    write_images(generator, replace(REQUEST, first=5, count=BLOCK + 3, seed=4), tmp_path)
    numbers = range(5, BLOCK + 8)
    assert files(tmp_path / "images") == [f"{number:06d}.png" for number in numbers]
    expected = to_uint8(generator.sample(BLOCK + 8, seed=4))
    for number in numbers:
        assert torch.equal(read_image(tmp_path / "images" / f"{number:06d}.png", (3, 8, 8)), expected[number])


def test_standing_statistics_are_those_of_the_truncation(tmp_path: Path) -> None:
    generator = PretrainedGenerator(dcgan.Generator(6, 16, 1, 2), Latent(6), {}, {})
    model = {
        "generator": {"_target_": "ganforge.networks.dcgan.Generator"}
        | {"latent_dim": 6, "image_size": 16, "channels": 1, "width": 2},
        "latent": {"_target_": "ganforge.sampling.latent.Latent", "dim": 6, "distribution": "normal"},
    }
    save_generator(tmp_path / "generator.safetensors", generator.network, {"model": model}, {})
    request = replace(REQUEST, run=str(tmp_path), truncation=0.5, standing=True)
    folder, _ = generate(request, tmp_path / "outputs")
    shown = to_uint8(generator.standing(0.5).sample(1, truncation=0.5))[0, 0].numpy()
    assert (np.asarray(Image.open(folder / "images" / "000000.png")) == shown).all()
    assert not (to_uint8(generator.sample(1, truncation=0.5))[0, 0].numpy() == shown).all()


def test_grid_and_loop_show_the_first_images(tmp_path: Path) -> None:
    generator = plain()
    write_images(generator, REQUEST, tmp_path)
    assert [path for path in files(tmp_path) if "/" not in path] == [
        "grid.png",
        "interpolation.gif",
        "interpolation.png",
    ]
    grid = read_image(tmp_path / "grid.png", (3, 28, 37))
    images = to_uint8(generator.sample(12))
    assert torch.equal(grid[:, 10:18, 28:36], images[7])
    with Image.open(tmp_path / "interpolation.png") as animation:
        assert (animation.size, animation.n_frames, animation.info["loop"]) == ((256, 256), 96, 0)
        for number in range(6):
            animation.seek(16 * number)
            assert torch.equal(torch.from_numpy(np.array(animation))[::32, ::32].movedim(-1, 0), images[number])


def test_no_more_than_a_block_is_drawn_at_once() -> None:
    generator = plain()
    counts = []

    def sample(count: int, *_: object) -> Tensor:
        counts.append(count)
        return torch.zeros(count, 3, 8, 8)

    generator.sample = sample  # type: ignore[method-assign]
    blocks = drawn(generator, replace(REQUEST, count=10**12))
    assert [next(blocks)[0] for _ in range(3)] == [range(start, start + BLOCK) for start in (0, BLOCK, 2 * BLOCK)]
    assert counts == [BLOCK] * 3


def test_classes_take_turns_and_come_back_as_classes_of_a_folder(tmp_path: Path) -> None:
    write_images(conditional(), replace(REQUEST, count=36), tmp_path)
    assert files(tmp_path / "images")[:4] == ["00/000000.png", "00/000012.png", "00/000024.png", "01/000001.png"]
    described = {"num_classes": None, "batch_size": 2, "seed": 0, "flip": False}
    place = {"path": str(tmp_path / "images"), "cache": str(tmp_path), "memory_gib": 1}
    data = Folder(image_size=8, channels=1, held_out=0.5, **place, **described)
    data.load_splits()
    assert data.num_classes == 12
    split = data.train_split
    assert torch.equal(split.images[:, 0, 0, 0], to_uint8(split.labels / 12))


def test_class_grid_has_a_row_for_each_class_and_a_column_for_each_latent(tmp_path: Path) -> None:
    generator = conditional()
    write_images(generator, replace(REQUEST, labels=[7, 3], first=2), tmp_path)
    assert files(tmp_path / "images")[:2] == ["03/000003.png", "03/000005.png"]
    picture = read_image(tmp_path / "classes.png", (1, 19, 73))[0]
    latents = generator.latents(8, first=2)
    for row, label in enumerate((3, 7)):
        images = to_uint8(generator(latents, torch.full((8,), label)))
        for column in range(8):
            top, left = 1 + 9 * row, 1 + 9 * column
            assert torch.equal(picture[top : top + 8, left : left + 8], images[column, 0])


def test_points_are_a_table_and_a_scatter_plot(tmp_path: Path) -> None:
    generator = plain(image_size=1, channels=2)
    write_points(generator, replace(REQUEST, count=40), tmp_path)
    assert files(tmp_path) == ["grid.png", "points.csv"]
    assert (tmp_path / "points.csv").read_text().startswith("x,y\n")
    table = np.loadtxt(tmp_path / "points.csv", delimiter=",", skiprows=1, dtype=np.float32)
    assert np.array_equal(table, generator.sample(40).flatten(1).numpy())
    with pytest.raises(ValueError, match="draws points"):
        write_projection(generator, REQUEST, tmp_path / "grid.png", tmp_path)


def test_projection_finds_latent_and_class_of_an_own_image(tmp_path: Path) -> None:
    generator = conditional(3)
    write_images(generator, replace(REQUEST, count=3, seed=8), tmp_path / "drawn")
    told = write_projection(generator, REQUEST, tmp_path / "drawn" / "images" / "2" / "000002.png", tmp_path / "found")
    assert float(told.partition("PSNR ")[2].partition(" dB")[0]) > 50
    assert files(tmp_path / "found") == ["latent.safetensors", "projection.png"]
    found = load_file(tmp_path / "found" / "latent.safetensors")
    assert found["label"].tolist() == [2]
    torch.testing.assert_close(found["z"].tanh(), generator.latents(3, seed=8)[2:].tanh(), atol=0.01, rtol=0)
    picture = read_image(tmp_path / "found" / "projection.png", (1, 258, 515)).int()
    assert (picture[:, 1:257, 1:257] - picture[:, 1:257, 258:514]).abs().max() <= 1


def test_folder_is_named_after_the_run_or_the_file_and_the_seed(tmp_path: Path) -> None:
    run = run_folder(tmp_path / "my_run")
    assert generate(replace(REQUEST, run=str(run), seed=3), tmp_path / "out")[0] == tmp_path / "out" / "my_run_seed_3"
    (run / "generator.safetensors").rename(run / "best.safetensors")
    folder, what = generate(replace(REQUEST, weights=str(run / "best.safetensors")), tmp_path / "out")
    assert (folder.name, what) == ("best_seed_0", "12 images, grids and a loop through the latents")
    with pytest.raises(ValueError, match=r"best_seed_0 is not empty: choose another folder with output="):
        generate(replace(REQUEST, weights=str(run / "best.safetensors")), tmp_path / "out")


REFUSED = {
    "standing statistics without batch norm": ({"standing": True}, "batch norms, and this generator has none"),
    "labels of a generator without classes": ({"labels": [1]}, "leave it out"),
    "truncation": ({"truncation": -1.0}, "truncation must be positive"),
    "truncation of a projection": ({"truncation": -1.0, "project": "picture.png"}, "truncation must be positive"),
    "no picture": ({"project": "nope.png"}, "nope.png is not a readable image"),
    "used folder": ({"output": "."}, "is not empty"),
    "a file": ({"output": "picture.png"}, "is not empty"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused_before_anything_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, case: str) -> None:
    monkeypatch.chdir(tmp_path)
    run_folder(tmp_path / "run")
    Image.new("RGB", (8, 8)).save(tmp_path / "picture.png")
    before = files(tmp_path)
    changes, message = REFUSED[case]
    with pytest.raises(ValueError, match=message):
        generate(replace(REQUEST, run="run", **changes), tmp_path / "outputs")
    assert files(tmp_path) == before
    assert not (tmp_path / "outputs").exists()


def test_images_of_five_channels_are_no_pictures(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="draws 5 channels, and a picture has 1 or 3"):
        generate(replace(REQUEST, run=str(run_folder(tmp_path, channels=5))), tmp_path / "outputs")


@pytest.mark.parametrize("labels", [[], [12], [-1], [0, 99]])
def test_labels_are_classes_of_the_generator(labels: list[int]) -> None:
    with pytest.raises(ValueError, match="0 to 11"):
        refuse_unknown_labels(conditional(), labels)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ([], "say which generator: run="),
        (["run=a", "weights=b"], "say which generator: run="),
        (["run=a", "count=many"], "count: Value 'many' of type 'str' could not be converted to Integer"),
        (["run=a", "count=0"], "count=0 must be at least 1"),
        (["run=a", "first=-1"], "first=-1 at least 0"),
        (["run=a", "truncation=high"], "truncation: Value 'high'"),
        (["run=a", "labels=[x]"], r"labels\[0\]: Value 'x'"),
        (["run=a", "labels=x"], "labels: "),
    ],
)
def test_values_that_make_no_sense_are_named(overrides: list[str], message: str) -> None:
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        config = compose("generate", overrides)
    with pytest.raises(ValueError, match=message):
        requested(config)


def test_one_class_needs_no_brackets() -> None:
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        assert requested(compose("generate", ["run=a", "labels=3"])).labels == [3]


def test_codes_have_a_picture_of_what_each_of_them_does(tmp_path: Path) -> None:
    """And the loop through the latents keeps those of the first."""
    latent = Latent(9, "normal", {"categorical": [3], "continuous": 1})
    generator = PretrainedGenerator(mlp.Generator(9, 8, 1, [16]), latent, {}, {})
    write_images(generator, replace(REQUEST, first=2, seed=3), tmp_path)
    picture = read_image(tmp_path / "codes.png", (1, 4 * 9 + 1, 8 * 9 + 1))[0]
    ways = latent.traverse(generator.latents(8, 3, first=2))
    for row in range(4):
        images = to_uint8(generator.images_from(ways[row]))
        for column in range(8):
            top, left = 1 + 9 * row, 1 + 9 * column
            assert torch.equal(picture[top : top + 8, left : left + 8], images[column, 0])
    seen = []
    generator.images_from = lambda z, label: seen.append(z)  # type: ignore[assignment, method-assign, func-returns-value]
    loop_frames(generator, replace(REQUEST, first=2, seed=3))
    assert torch.equal(seen[0][:, 5:], generator.latents(1, 3, first=2)[:, 5:].expand(96, -1))
    assert torch.allclose(seen[0][16, :5], generator.latents(1, 3, first=3)[0, :5], atol=1e-6)
