"""What is written of a translator, and what is refused before anything is written."""

import os
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf
from PIL import Image
from torch import Tensor

from ganforge.artifacts.images import read_image, read_whole_image, to_uint8
from ganforge.artifacts.tensors import save_generator
from ganforge.data.views import Edges, Grey, brightness
from ganforge.inference import translation
from ganforge.inference.generation import Request as ToDraw
from ganforge.inference.generation import generate
from ganforge.inference.translation import Request, Translation, by_size, requested, tile, translate
from ganforge.networks import mlp, srresnet, stargan, unet, vae
from ganforge.pretrained import from_pretrained

from ..conftest import ROOT

REQUEST = Request(
    run="run", weights=None, input="photos", output=None, direction=None, apply_view=False, size=None, batch_size=3,
    tile=None, seed=0, device="cpu",
)  # fmt: skip
EDGES = {"_target_": "ganforge.data.views.Edges"}


def save_translator(path: Path, source: int = 1, made: int = 3, noisy: bool = False, **facts: Any) -> Path:
    """A file of weights whose U-Net never trained."""
    arguments = {
        "source_channels": source, "channels": made, "image_size": 16, "width": 2, "halvings": 2,
        "dropout_at_test": noisy, "dropout_stages": 3, "normalization": "instance",
    }  # fmt: skip
    if noisy:
        arguments["halvings"] = 4
    config = {
        "model": {"generator": {"_target_": "ganforge.networks.unet.Generator", **arguments}, "latent": None},
        "data": {"image_size": 16, "channels": 3},
        "direction": "a_to_b",
        "view": EDGES,
    }
    torch.manual_seed(1)
    save_generator(path, unet.Generator(**arguments), config | facts, {})
    return path


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder with a run, and pictures of several sizes and modes."""
    monkeypatch.chdir(tmp_path)
    save_translator(Path("run/generator.safetensors"))
    luck = np.random.default_rng(0)
    for name, mode, size in (
        ("a.png", "L", (16, 16)), ("b.jpg", "RGB", (40, 21)), ("c/d.webp", "RGBA", (9, 30)), ("c/e.gif", "P", (16, 16)),
        ("c/f.tif", "I;16", (16, 16)), ("g.JPEG", "CMYK", (40, 21)), ("h.bmp", "1", (3, 2)), ("i.png", "L", (16, 16)),
    ):  # fmt: skip
        path = Path("photos", name)
        path.parent.mkdir(parents=True, exist_ok=True)
        grey = Image.fromarray(luck.integers(0, 256, size[::-1]).astype(np.uint8))
        wide = Image.fromarray(luck.integers(0, 65536, size[::-1]).astype(np.uint16))
        (wide if mode == "I;16" else grey.convert(mode)).save(path)


def files(folder: Path | str) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in Path(folder).rglob("*") if path.is_file())


def expected(path: Path | str, **options: Any) -> Tensor:
    """The translation of a picture that nothing else is translated with."""
    source = read_whole_image(Path(path), 1) / 127.5 - 1
    return to_uint8(from_pretrained("run").translate(source[None], **options))[0]


def written(path: Path | str) -> Tensor:
    return read_whole_image(Path(path), 3)


def test_folder_keeps_names_and_sizes_and_each_picture_is_what_it_is_alone() -> None:
    place, what = translate(REQUEST, Path("out"))
    assert (place, what) == (Path("out/run_photos"), "8 translations and comparison.png")
    names = ["a", "b", "c/d", "c/e", "c/f", "g", "h", "i"]
    assert files(place) == ["comparison.png", *(f"images/{name}.png" for name in names)]
    for source in files("photos"):
        made = written(place / "images" / Path(source).with_suffix(".png"))
        assert (made.int() - expected(Path("photos", source)).int()).abs().max() <= 1, source


def test_comparison_shows_the_first_sources_beside_their_translations() -> None:
    place, _ = translate(REQUEST, Path("out"))
    picture = read_whole_image(place / "comparison.png", 3)
    assert picture.shape == (3, 2 * 129 + 1, 8 * 129 + 1)
    assert torch.equal(picture[:, 1:129, 1:129], tile(read_whole_image(Path("photos/a.png"), 1)))
    assert torch.equal(picture[:, 1:129, 130:258], tile(written(place / "images" / "a.png")))
    for shape in ((1, 16, 16), (3, 300, 7), (1, 1, 1000), (3, 1, 1), (1, 128, 128)):
        assert tile(torch.zeros(shape, dtype=torch.uint8)).shape == (3, 128, 128)


def test_picture_becomes_a_png_of_its_name_which_is_never_replaced() -> None:
    for changes, place in (
        ({}, "out/run/b.png"),
        ({"output": "drawn.png"}, "drawn.png"),
        ({"output": "deep/folder"}, "deep/folder/b.png"),
        ({"run": None, "weights": "run/generator.safetensors", "output": "x"}, "x/b.png"),
    ):
        request = replace(REQUEST, input="photos/b.jpg", **changes)
        assert translate(request, Path("out")) == (Path(place), "the translation")
        assert torch.equal(written(place), expected("photos/b.jpg"))
        Path(place).write_text("mine")
        with pytest.raises(ValueError, match=r"\.png is there already: choose another name with output="):
            translate(request, Path("out"))
        assert Path(place).read_text() == "mine"


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("labels", [None, [1, 0, 1, 0, 1]])
def test_archive_keeps_its_labels(channels: int, labels: list[int] | None) -> None:
    shape = (5, 20, 28) if channels == 1 else (5, 20, 28, 3)
    images = np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)
    arrays = {"images": images} | ({} if labels is None else {"labels": np.array(labels)})
    np.savez("images.npz", **arrays)
    place, what = translate(replace(REQUEST, input="images.npz"), Path("out"))
    assert (place, what) == (Path("out/run/images.npz"), f"5 images{' with their labels' if labels else ''}")
    with np.load(place) as made:
        assert set(made) == set(arrays)
        assert made["images"].shape == (5, 20, 28, 3)
        assert labels is None or made["labels"].tolist() == labels
        sources = brightness(torch.from_numpy(images.reshape(5, 20, 28, channels)).movedim(-1, 1).contiguous())
        translated = to_uint8(from_pretrained("run").translate(sources / 127.5 - 1)).movedim(1, -1)
        assert (torch.from_numpy(made["images"]).int() - translated.int()).abs().max() <= 1
    translate(replace(REQUEST, input="images.npz", output="again.npz"), Path("out"))
    assert Path("again.npz").read_bytes() == place.read_bytes()


def test_size_is_that_of_a_square_as_in_training() -> None:
    translate(replace(REQUEST, input="photos/b.jpg", size=12, output="b.png"), Path("out"))
    source = read_image(Path("photos/b.jpg"), (1, 12, 12)) / 127.5 - 1
    assert torch.equal(written("b.png"), to_uint8(from_pretrained("run").translate(source[None]))[0])


def test_pictures_become_larger_by_the_scale_in_tiles_or_whole() -> None:
    arguments = {"source_channels": 3, "channels": 3, "scale": 2, "width": 3, "blocks": 1}
    node = {"_target_": "ganforge.networks.srresnet.Generator", **arguments}
    config = {"model": {"generator": node, "latent": None}, "data": {"image_size": 16, "channels": 3}}
    save_generator(Path("sr/generator.safetensors"), srresnet.Generator(**arguments), config, {})
    request = replace(REQUEST, run="sr")
    place, what = translate(request, Path("out"))
    assert what == "8 translations and comparison.png"
    for source in files("photos"):
        made = written(place / "images" / Path(source).with_suffix(".png"))
        assert made.shape[1:] == tuple(2 * side for side in read_whole_image(Path("photos", source), 3).shape[1:])
    tiled, _ = translate(replace(request, input="photos/b.jpg", tile=7, output="tiled.png"), Path("out"))
    assert (written(tiled).int() - written(place / "images" / "b.png").int()).abs().max() <= 1
    np.savez("images.npz", images=np.zeros((3, 5, 9, 3), np.uint8))
    translate(replace(request, input="images.npz", output="made.npz"), Path("out"))
    with np.load("made.npz") as made:
        assert made["images"].shape == (3, 10, 18, 3)
    with pytest.raises(ValueError, match="tile=7: a part of what this network makes depends on the whole picture"):
        translate(replace(REQUEST, tile=7), Path("out2"))
    with pytest.raises(ValueError, match="tile=0 must be at least 1"):
        requested(OmegaConf.create({**asdict(request), "tile": 0}))


def test_view_of_the_run_is_made_of_photographs() -> None:
    translate(replace(REQUEST, input="photos/b.jpg", apply_view=True, output="b.png"), Path("out"))
    source = Edges()(read_whole_image(Path("photos/b.jpg"), 3)[None]) / 127.5 - 1
    assert torch.equal(written("b.png"), to_uint8(from_pretrained("run").translate(source))[0])


VIEWS: dict[str, tuple[dict[str, Any], str]] = {
    "none": ({"view": None}, "no view of images: leave out apply_view=true"),
    "of the way back": ({"direction": "b_to_a"}, "apply_view=true makes what a_to_b starts from"),
    "a command": ({"view": {"_target_": "os.system", "command": "touch bitten"}}, "names no view of ganforge"),
    "its base": ({"view": {"_target_": "ganforge.data.views.View"}}, "names no view"),
    "what it imported": ({"view": {"_target_": "ganforge.data.views.torch.load"}}, "names no view"),
    "a text": ({"view": "edges"}, "names no view"),
    "no target": ({"view": {"factor": 2}}, "names no view"),
    "a list": ({"view": {"_target_": ["x"]}}, "names no view"),
    "unknown arguments": ({"view": EDGES | {"x": 1}}, "names no view"),
    "a text for a number": ({"view": {"_target_": "ganforge.data.views.Inpainting", "share": "1"}}, "names no view"),
    "half a pixel": ({"view": {"_target_": "ganforge.data.views.LowResolution", "factor": 2.5}}, "size= makes it fit"),
    "not a divisor": ({"view": {"_target_": "ganforge.data.views.LowResolution", "factor": 7}}, "size= makes it fit"),
    "of other channels": ({"data": {"image_size": 16, "channels": 1}, "view": {"_target_": f"{Grey.__module__}.Grey"}},
                          "names no view"),
    "no channels": ({"data": {"image_size": 16}}, "names no view"),
}  # fmt: skip


@pytest.mark.parametrize("case", VIEWS)
def test_views_that_do_not_fit_are_refused(case: str) -> None:
    facts, message = VIEWS[case]
    source = 3 if message.startswith("size=") else 1
    save_translator(Path("run/generator.safetensors"), source, **facts)
    with pytest.raises(ValueError, match=message) as caught:
        translate(replace(REQUEST, input="photos/b.jpg", apply_view=True), Path("out"))
    assert len(str(caught.value).splitlines()) == 1
    assert not Path("out").exists() and not Path("bitten").exists()


def test_broken_files_do_not_lose_the_others(capsys: pytest.CaptureFixture) -> None:
    Path("photos/b.jpg").write_bytes(b"\xff\xd8 not any more")
    Path("photos/c/d.webp").write_bytes(b"")
    place, what = translate(REQUEST, Path("out"))
    assert what == "6 translations, without the 2 left out, and comparison.png"
    assert len(files(place / "images")) == 6
    lines = capsys.readouterr().err.splitlines()
    assert [line.partition(" is left out: ")[0] for line in lines] == [
        f"warning: {Path('photos', name)}" for name in ("b.jpg", "c/d.webp")
    ]
    with pytest.raises(ValueError, match=r"b\.jpg is not a readable image"):
        translate(replace(REQUEST, input="photos/b.jpg"), Path("out"))
    for path in Path("photos").rglob("*.*"):
        path.write_bytes(b"?")
    with pytest.raises(ValueError, match="none of the 8 pictures in photos could be translated"):
        translate(replace(REQUEST, output="new/out"), Path("out"))
    assert not Path("new").exists()


def test_picture_for_which_memory_does_not_suffice_is_left_out(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    images = translation.PretrainedTranslator.images

    def limited(self: Any, inputs: Any) -> Tensor:
        if inputs.start.shape[-1] > 30:
            raise RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory")
        return images(self, inputs)

    monkeypatch.setattr(translation.PretrainedTranslator, "images", limited)
    _, what = translate(REQUEST, Path("out"))
    assert what == "6 translations, without the 2 left out, and comparison.png"
    assert capsys.readouterr().err.count("not enough memory for 40x21 pixels: size= makes them fewer") == 2


def test_files_that_would_have_one_name_are_refused() -> None:
    Image.new("L", (4, 4)).save("photos/B.png")
    with pytest.raises(ValueError, match=r"photos.B\.png and photos.b\.jpg would both become b\.png: rename one"):
        translate(REQUEST, Path("out"))
    assert not Path("out").exists()


def test_no_more_than_a_few_batches_wait_for_pictures_of_their_size() -> None:
    work = Translation(from_pretrained("run"), None, 1, None, batch_size=3, seed=0)
    read = 0

    def sources() -> Iterator[tuple[Path, Tensor]]:
        nonlocal read
        for read in range(1, 1000):
            yield Path(str(read)), torch.zeros(1, 16, 16 + read % 100)

    seen = []
    for block in by_size(work, sources()):
        assert len(block) <= 3 and len({source.shape for _, source in block}) == 1
        seen += [int(str(path)) for path, _ in block]
        assert read - len(seen) <= translation.WAITING * 3
    assert sorted(seen) == list(range(1, 1000))


def test_noise_of_a_picture_is_that_of_its_seed() -> None:
    save_translator(Path("run/generator.safetensors"), noisy=True)
    place, _ = translate(REQUEST, Path("out"))
    one = {seed: translate(replace(REQUEST, input="photos/b.jpg", seed=seed, output=f"{seed}"), Path("out"))[0]
           for seed in (0, 1)}  # fmt: skip
    assert one[0].read_bytes() == (place / "images" / "b.png").read_bytes()
    assert one[1].read_bytes() != one[0].read_bytes()


REFUSED = {
    "nothing there": ({"input": "nope.png"}, "input=nope.png: no such picture, folder or .npz"),
    "folder without pictures": ({"input": "run"}, "run has no images"),
    "no archive": ({"input": "bad.npz"}, "bad.npz cannot be read as an .npz"),
    "used folder": ({"output": "photos"}, "photos is not empty: choose another folder with output="),
    "another format": ({"input": "photos/a.png", "output": "x.jpg"}, "should end in .png, or name a folder"),
    "archive as a picture": ({"input": "bad.npz", "output": "x.png"}, "should end in .npz, or name a folder"),
    "no way back": ({"direction": "b_to_a"}, "leave out direction=b_to_a"),
    "generator of a GAN": ({"run": "gan"}, "draws from latents and translates nothing: use src/generate.py"),
    "encoder": ({"run": None, "weights": "gan/encoder.safetensors"}, r"encodes images: use encode\(images\)"),
    "five channels": ({"run": None, "weights": "five.safetensors"}, "makes 3 channels of 5, and a picture has 1 or 3"),
    "no GPU": ({"device": "cuda"}, "device=cuda: PyTorch finds no such GPU here: leave it out"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused_before_anything_is_written(case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    latent = {"_target_": "ganforge.sampling.latent.Latent", "dim": 2}
    generator = {"_target_": "ganforge.networks.mlp.Generator", "latent_dim": 2, "image_size": 4, "channels": 1}
    node = generator | {"hidden": [3]}
    save_generator(
        Path("gan/generator.safetensors"),
        mlp.Generator(2, 4, 1, [3]),
        {"model": {"generator": node, "latent": latent}},
        {},
    )
    encoder = {"model": {"encoder": node | {"_target_": "ganforge.networks.vae.Encoder"}}}
    save_generator(Path("gan/encoder.safetensors"), vae.Encoder(2, 4, 1, [3]), encoder, {})
    save_translator(Path("five.safetensors"), 5)
    Path("bad.npz").write_bytes(b"PK nothing")
    before = files(".")
    changes, message = REFUSED[case]
    with pytest.raises(ValueError, match=message) as caught:
        translate(replace(REQUEST, **changes), Path("out"))
    assert len(str(caught.value).splitlines()) == 1
    assert files(".") == before and not Path("out").exists()


def test_pipe_is_no_picture() -> None:
    os.mkfifo("pipe.png")
    with pytest.raises(ValueError, match="no such picture"):
        translate(replace(REQUEST, input="pipe.png"), Path("out"))


@pytest.mark.parametrize(("weights", "message"), [("generator", "translates pictures"), ("encoder", "encodes images")])
def test_who_draws_says_what_else_to_use(weights: str, message: str) -> None:
    encoder = {"_target_": "ganforge.networks.vae.Encoder", "latent_dim": 2, "image_size": 4, "channels": 1}
    config = {"model": {"encoder": encoder | {"hidden": [3]}}}
    save_generator(Path("run/encoder.safetensors"), vae.Encoder(2, 4, 1, [3]), config, {})
    request = ToDraw(
        run=None, weights=f"run/{weights}.safetensors", count=1, first=0, seed=0, truncation=None, labels=None,
        project=None, output=None,
    )  # fmt: skip
    with pytest.raises(ValueError, match=f"{message} .*: use "):
        generate(request, Path("out"))
    assert not Path("out").exists()


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["input=a"], "say which network: run="),
        (["run=a", "weights=b", "input=a"], "say which network: run="),
        (["run=a"], "say what to translate: input="),
        (["run=a", "input=a", "direction=back"], "direction=back should be a_to_b or b_to_a"),
        (["run=a", "input=a", "device=tpu"], "device=tpu should be auto, cpu or cuda"),
        (["run=a", "input=a", "batch_size=0"], "batch_size=0 must be at least 1"),
        (["run=a", "input=a", "size=-3"], "size=-3 must be at least 1"),
        (["run=a", "input=a", "apply_view=edges"], "apply_view: Value 'edges' is not a valid bool"),
        (["run=a", "input=a", "seed=x"], "seed: Value 'x'"),
    ],
)
def test_values_that_make_no_sense_are_named(overrides: list[str], message: str) -> None:
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        config = compose("translate", overrides)
    with pytest.raises(ValueError, match=message):
        requested(config)


def save_domains(*names: str) -> None:
    """A run between domains, whose generator never trained."""
    arguments = {"channels": 3, "num_classes": 3, "width": 2, "blocks": 1}
    model = {"generator": {"_target_": "ganforge.networks.stargan.Generator", **arguments}, "latent": None}
    config = {"model": model, "data": {"image_size": 16, "channels": 3}, "direction": "a_to_b", "view": None}
    save_generator(Path("run/generator.safetensors"), stargan.Generator(**arguments), config | {"domains": names}, {})


def test_a_domain_is_chosen_or_every_one_is_made() -> None:
    save_domains("red", "deep blue", "../green")
    place, what = translate(replace(REQUEST, input="photos/b.jpg", target="red"), Path("out"))
    assert (place.as_posix(), what) == ("out/run/b.png", "the translation")
    place, what = translate(replace(REQUEST, input="photos/b.jpg"), Path("out"))
    assert (place.as_posix(), what) == ("out/run_b", "3 translations and comparison.png")
    assert files(place) == ["comparison.png", *(f"images/{name}/b.png" for name in ("deep_blue", "green", "red"))]
    assert read_whole_image(place / "images" / "red" / "b.png", 3).equal(read_whole_image(Path("out/run/b.png"), 3))
    source = read_whole_image(Path("photos/b.jpg"), 3)[None] / 127.5 - 1
    expected = to_uint8(from_pretrained("run").translate(source, target=1))[0]
    assert read_whole_image(place / "images" / "deep_blue" / "b.png", 3).equal(expected)
    place, what = translate(replace(REQUEST, target="all"), Path("out"))
    assert what == "24 translations and comparison.png"
    with Image.open(place / "comparison.png") as comparison:
        assert comparison.size == (4 * 129 + 1, 8 * 129 + 1)


def test_every_domain_of_an_archive_is_labelled() -> None:
    save_domains("red", "green", "blue")
    pixels = np.random.default_rng(0).integers(0, 256, (4, 16, 16, 3), np.uint8)
    np.savez("images.npz", images=pixels, labels=np.array([2, 0, 0, 1]))
    request = replace(REQUEST, input="images.npz")
    translate(replace(request, output="every.npz"), Path("out"))
    _, what = translate(replace(request, output="blue.npz", target="blue"), Path("out"))
    assert what == "4 images with their labels"
    with np.load("every.npz") as every, np.load("blue.npz") as blue:
        assert every["labels"].tolist() == [0] * 4 + [1] * 4 + [2] * 4
        assert (every["images"][8:] == blue["images"]).all() and not (every["images"][:4] == blue["images"]).all()
        assert blue["labels"].tolist() == [2, 0, 0, 1]


def test_a_domain_that_is_not_there_is_refused_with_those_that_are() -> None:
    message = r"^target=bleu is no domain. Did you mean blue\? \(there are: red, green, blue\)$"
    with pytest.raises(ValueError, match="target=red is for a network of several domains: leave it out"):
        translate(replace(REQUEST, target="red"), Path("out"))
    save_domains("red", "green", "blue")
    with pytest.raises(ValueError, match=message):
        translate(replace(REQUEST, target="bleu"), Path("out"))
    translator = from_pretrained("run")
    for target in ("bleu", 3, -1, True):
        with pytest.raises(ValueError, match=f"target={target} is no domain"):
            translator.translate(torch.zeros(1, 3, 8, 8), target=target)
    with pytest.raises(ValueError, match=r"say which domain with target= \(there are: red, green, blue\)"):
        translator.translate(torch.zeros(1, 3, 8, 8))
    assert not Path("out").exists()


@pytest.mark.parametrize("names", [("a", "b"), ("a", "b", "b"), ("a", "b", "\x1b[2J"), ("a", "b", ""), ("a", "b", 3)])
def test_names_that_no_run_has_written_are_refused(names: tuple[Any, ...]) -> None:
    save_domains(*names)
    with pytest.raises(ValueError, match="should have different names for its 3 domains"):
        from_pretrained("run")
