import json
import subprocess
import sys
import zipfile
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import onnxruntime
import pytest
import torch
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf
from torch import Tensor

from ganforge.artifacts.records import append_line
from ganforge.artifacts.tensors import portable, save_generator
from ganforge.inference import exporting
from ganforge.inference.exporting import FORMATS, export
from ganforge.layers.growing import Growing
from ganforge.pretrained import from_pretrained

from ..conftest import ROOT, TINY, composed_below

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore:Converting a tensor to a Python boolean")
Run = Callable[..., Path]
SMALL = ["data.image_size=16", "model.generator.width=2"]
SCORES = {"fid_classifier": 2.5, "kid_classifier": 0.25}
ALIKE = ("stylegan2", "dcgan with layer norm", "dcgan with instance norm", "dcgan with none norm")
"""Networks that differ little from another one there."""
UNBOUNDED = ("half-grown progan", "stylegan2")
"""Networks that the papers end without a hyperbolic tangent."""
NETWORKS = {
    "mlp": [*TINY["mlp"], "model.latent.distribution=uniform"],
    "mlp of classes": [*TINY["mlp"], "model.generator.num_classes=3"],
    "mlp of points": ["data=mixture2d", "model.generator.hidden=[8]", "model.discriminator.hidden=[8]"],
    "dcgan 32": TINY["dcgan"],
    "dcgan of classes": [*TINY["dcgan"], "data.image_size=16", "model.generator.num_classes=10"],
    "half-grown progan": [*TINY["progan"], "data.image_size=16"],
    "sngan of classes": [*TINY["sngan"], "data.image_size=16", "model.generator.num_classes=10"],
    "stylegan2": [*TINY["stylegan2"], "data.image_size=16", "model.generator.psi=0.7"],
    "stylegan2 of classes": [*TINY["stylegan2"], "data.image_size=16", "model.generator.num_classes=10"],
    **{
        f"dcgan with {kind} norm": [*TINY["dcgan"], "data=cifar10", f"normalization.generator={kind}"]
        for kind in ("layer", "instance", "none")
    },
}


def run_below(folder: Path, *overrides: str) -> Path:
    """A run folder whose generator never trained, but has seen numbers."""
    config = composed_below(folder)(*overrides)
    generator = instantiate(config.model.generator)
    labels = None if generator.num_classes is None else torch.zeros(8, dtype=torch.long)
    for name, parameter in generator.named_parameters():
        slow = name.startswith("mapping.layers")  # layers whose weights are a hundredth when they are used
        parameter.data.normal_(0, 40 if slow else 0.4)
    if isinstance(generator, Growing):
        generator.grow(1.4)
    generator(torch.randn(8, config.model.latent.dim), labels)  # batch norm takes its averages
    facts = {"images_seen": 320, "scores": SCORES}
    plain = OmegaConf.to_container(config, resolve=True, throw_on_missing=False)
    save_generator(folder / "run" / "generator.safetensors", generator, plain, facts)
    return folder / "run"


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """`run("model=mlp", ...)`"""
    return partial(run_below, tmp_path)


class Exported(NamedTuple):
    source: Path
    folder: Path
    differences: dict[str, float]


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Exported]:
    """`exported("mlp")`: one of `NETWORKS` in every format, which takes seconds; not to be changed."""

    @cache
    def export_once(network: str) -> Exported:
        folder = tmp_path_factory.mktemp("exported")
        source = run_below(folder, *NETWORKS[network])
        return Exported(source, folder / "out", export(source, list(FORMATS), folder / "out"))

    return export_once


STARTING_FROM_IMAGES = {
    "unet halved to one pixel": ("generator", ["model=pix2pix", "view=edges", "data.channels=3", *SMALL]),
    "noisy unet": (
        "generator",
        ["model=pix2pix", "view=edges", "data.image_size=48", "model.generator.dropout_at_test=true", *SMALL[1:]],
    ),
    "resnet": ("generator", ["model=cyclegan", "view=edges", "model.generator.blocks=1", *SMALL]),
    "resnet backwards": ("backward_generator", ["model=cyclegan", "view=edges", "model.generator.blocks=1", *SMALL]),
    "srresnet": ("generator", ["model=srresnet", "model.generator.blocks=1", *SMALL]),
    "rrdb": (
        "generator",
        ["model=rrdb", "model.generator.blocks=1", "model.generator.growth=2", "view.scale=2", *SMALL],
    ),
    "several domains": ("generator", ["model=stargan_small", "data=coloured_digits", *SMALL[:1]]),
    "encoder": ("encoder", ["model=vae", *SMALL[:1], "model.encoder.hidden=[8]"]),
    "convolutional encoder": ("encoder", ["model=vae_conv", *SMALL[:1], "model.encoder.width=2"]),
}


@pytest.fixture
def saved(composed: Callable[..., DictConfig], tmp_path: Path) -> Run:
    """`saved("backward_generator", "model=cyclegan", ...)`: the file that a run leaves of a network."""

    def make(part: str, *overrides: str) -> Path:
        config = composed(*overrides)
        size, channels = config.data.image_size, config.data.channels or 1
        arguments = {"channels": channels}
        arguments |= {"source_channels": 1} if "source_channels" in config.model[part] else {}
        network = instantiate(config.model[part], **arguments)
        for parameter in network.parameters():
            parameter.data.normal_(0, 0.2)
        size //= getattr(network, "scale", 1)
        starts = torch.randn(8, arguments.get("source_channels", channels), size, size)
        network(*([starts, torch.arange(8)] if "num_classes" in config.model[part] else [starts]))  # for batch norms
        plain = OmegaConf.to_container(config, resolve=True, throw_on_missing=False)
        plain["model"][part] |= arguments
        facts = {"images_seen": 320, "scores": SCORES}
        save_generator(tmp_path / "run" / f"{part}.safetensors", network, portable(plain, part), facts)
        return tmp_path / "run" / f"{part}.safetensors"

    return make


def record(run: Path, images_seen: int = 320, scores: dict = SCORES, **stamp: str) -> None:
    """A line of metrics.jsonl."""
    real = {"images": 60, "scores": dict.fromkeys(scores, 0.125)}
    stamp = {"extractor": "classifier:abc", "data": "digits:f00d", "split": "held out 0.5 of digits"} | stamp
    append_line(run / "metrics.jsonl", {"images_seen": images_seen, "scores": scores, "real": real, "stamp": stamp})


def drawn_by_onnxruntime(file: Path, latents: Tensor, labels: Tensor | None) -> np.ndarray:
    """As a stranger would: by the names that the graph's inputs are promised to have."""
    inputs = {"z": latents.numpy()} | ({} if labels is None else {"label": labels.numpy()})
    (images,) = onnxruntime.InferenceSession(file).run(["images"], inputs)
    return images


@pytest.mark.parametrize(
    "network",
    [pytest.param(name, marks=[pytest.mark.slow] if name in ALIKE else []) for name in NETWORKS],
)
def test_every_format_draws_what_the_source_draws_for_any_batch(
    exported: Callable[[str], Exported], network: str
) -> None:
    source, folder, differences = exported(network)
    assert set(differences) == {"model.safetensors", "model.onnx", "model.pt", "model.pt2"}
    assert differences["model.safetensors"] == 0
    assert max(differences.values()) < 1e-5
    generator = from_pretrained(source)
    labels = None if generator.num_classes is None else torch.arange(64) % generator.num_classes
    assert generator.sample(64, labels=labels).std(0).mean() > 0.01, "one image for all latents says nothing"
    draw = {
        "model.safetensors": from_pretrained(folder),
        "model.pt": torch.jit.load(folder / "model.pt"),
        "model.pt2": torch.export.load(folder / "model.pt2").module(),
    }
    for count in (1, 2, 33):
        z = generator.latents(count, seed=7)
        labels = None if generator.num_classes is None else torch.arange(count).flip(0) % generator.num_classes
        images = generator(z, labels)
        assert images.shape == (count, *generator.image_shape)
        assert images.abs().max() <= 1 or network.startswith(UNBOUNDED)
        others = {name: other(z) if labels is None else other(z, labels) for name, other in draw.items()}
        others["model.onnx"] = torch.from_numpy(drawn_by_onnxruntime(folder / "model.onnx", z, labels))
        for name, other in others.items():
            torch.testing.assert_close(other, images, rtol=0, atol=1e-5, msg=f"{name}, batch of {count}")


@pytest.mark.parametrize(
    "network",
    [
        pytest.param(name, marks=() if name in ("unet halved to one pixel", "encoder") else pytest.mark.slow)
        for name in STARTING_FROM_IMAGES
    ],
)
def test_every_format_makes_of_images_what_the_source_makes(
    saved: Run, tmp_path: Path, network: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of any batch, and of other sizes wherever the card does not say otherwise; and every snippet runs."""
    part, overrides = STARTING_FROM_IMAGES[network]
    source = saved(part, *overrides)
    differences = export(source, list(FORMATS), tmp_path / "out")
    assert max(differences.values()) < 1e-5
    card, original = (tmp_path / "out" / "README.md").read_text(), from_pretrained(source)
    reference, (_, side, _) = exporting.recordable(original), exporting.started_from(original)
    shapes = [(1, side, side), (5, side, side)]
    if part != "encoder":
        least = 2 * original.multiple
        fixed = f"`model.pt2` takes {side}x{side} alone" in card
        assert fixed == (side == original.multiple) != (f"Of `model.pt2` they are at least {least}." in card)
        assert f"multiples of {original.multiple}." in card
        shapes += [] if fixed else [(3, least, 2 * side), (1, 3 * side, least)]
    channels = original.image_shape[0] if part == "encoder" else original.source_channels
    graphs = {
        "model.pt": torch.jit.load(tmp_path / "out" / "model.pt"),
        "model.pt2": torch.export.load(tmp_path / "out" / "model.pt2").module(),
        "model.onnx": exporting.load_onnx(tmp_path / "out" / "model.onnx"),
    }
    for count, height, width in shapes:
        given = [torch.rand(count, channels, height, width) * 2 - 1]
        given += [torch.arange(count).flip(0)] if network == "several domains" else []
        expected = exporting.as_tuple(reference(*given))
        for name, graph in graphs.items():
            for one, other in zip(exporting.as_tuple(graph(*given)), expected, strict=True):
                torch.testing.assert_close(one, other, rtol=0, atol=1e-5, msg=f"{name}, {(count, height, width)}")
    assert expected[0].std() > 0.01
    for content in contents(tmp_path / "out").values():
        assert not any(str(place).encode() in content for place in (ROOT, tmp_path, sys.prefix))
    monkeypatch.chdir(tmp_path / "out")
    for snippet in card.split("```python\n")[1:]:
        found: dict = {}
        exec(snippet.partition("```")[0], found)
        assert found["mean" if part == "encoder" else "images"].shape[0] == 16


def test_card_of_a_translator_says_the_way_and_its_noise(saved: Run, tmp_path: Path) -> None:
    source = saved(*STARTING_FROM_IMAGES["noisy unet"][:1], *STARTING_FROM_IMAGES["noisy unet"][1])
    export(source, [], tmp_path / "out")
    card = (tmp_path / "out" / "README.md").read_text()
    digits = "handwritten digits that scikit-learn ships"
    assert f"translates images, trained with ganforge: from `Edges()` of {digits} to {digits}." in card
    assert "a translation depends on a seed" in card and "pipeline_tag: image-to-image" in card
    assert not (tmp_path / "out" / "samples.png").exists()
    sources = torch.rand(3, 1, 20, 50) * 2 - 1
    exported, original = from_pretrained(tmp_path / "out"), from_pretrained(source)
    assert torch.equal(exported.translate(sources, seed=3), original.translate(sources, seed=3))


def test_the_way_back_and_an_encoder_have_no_scores_of_their_own(saved: Run, tmp_path: Path) -> None:
    for name in ("resnet", "resnet backwards", "encoder"):
        part, overrides = STARTING_FROM_IMAGES[name]
        source = saved(part, *overrides)
        export(source, [], tmp_path / part)
        assert ("None were measured." in (tmp_path / part / "README.md").read_text()) == (name != "resnet")
    export(tmp_path / "run", [], tmp_path / "back", "b_to_a")
    card = (tmp_path / "back" / "README.md").read_text()
    digits = "handwritten digits that scikit-learn ships"
    assert f"from {digits} to `Edges()` of {digits}." in card
    export(tmp_path / "back", [], tmp_path / "again")
    assert (tmp_path / "again" / "README.md").read_text() == card
    with pytest.raises(ValueError, match="has the direction b_to_a"):
        export(tmp_path / "back", [], tmp_path / "nowhere", "a_to_b")


@pytest.mark.parametrize("network", ["mlp", "dcgan of classes"])
def test_every_snippet_of_the_card_runs_in_the_exported_folder(
    exported: Callable[[str], Exported], network: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(exported(network).folder)
    snippets = Path("README.md").read_text().split("```python\n")[1:]
    assert len(snippets) == len(FORMATS)
    for snippet in snippets:
        names: dict = {}
        exec(snippet.partition("```")[0], names)
        assert tuple(names["images"].shape) == (16, 1, *([32, 32] if network == "mlp" else [16, 16]))


def contents(folder: Path) -> dict[str, bytes]:
    """Every file, and every record inside those that are archives."""
    found = {}
    for file in folder.iterdir():
        found[file.name] = file.read_bytes()
        if zipfile.is_zipfile(file):
            with zipfile.ZipFile(file) as archive:
                found |= {f"{file.name}/{name}": archive.read(name) for name in archive.namelist()}
    return found


def test_nothing_of_this_computer_is_in_any_file(run: Run, tmp_path: Path) -> None:
    source = run(
        *TINY["dcgan"], "data=folder", "data.path=/home/jane/patients", "data.image_size=16", "data.num_classes=2",
        "paths.data=/home/jane/data", "metrics=inception", "metrics.weights=/home/jane/inception.pth",
    )  # fmt: skip
    record(source, data="patients:f00d", split="held out 0.1 of folder patients")
    before = (source / "generator.safetensors").read_bytes() + (source / "metrics.jsonl").read_bytes()
    secrets = [b"jane", b"patients", b"inception.pth", str(tmp_path).encode()]
    assert all(secret in before for secret in secrets)
    export(source, list(FORMATS), tmp_path / "out")
    for name, content in contents(tmp_path / "out").items():
        for secret in [*secrets, str(ROOT).encode(), sys.prefix.encode(), str(Path(torch.__file__).parent).encode()]:
            assert secret not in content, f"{secret!r} is in {name}"
    facts = from_pretrained(tmp_path / "out").facts
    assert (facts["stamp"]["data"], facts["stamp"]["split"]) == ("f00d", "held out 0.1")


def test_exported_folder_loads_in_three_lines_without_the_libraries_of_training(run: Run, tmp_path: Path) -> None:
    export(run(*TINY["mlp"]), [], tmp_path / "out")
    program = (
        "from ganforge.pretrained import from_pretrained\n"
        f"generator = from_pretrained({str(tmp_path / 'out')!r})\n"
        "images = generator.sample(3, seed=0)\n"
        "import sys\n"
        "assert images.shape == (3, 1, 32, 32)\n"
        "print([name for name in ('hydra', 'omegaconf', 'lightning') if name in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=tmp_path)
    assert (result.returncode, result.stdout) == (0, "[]\n"), result.stderr


def test_folder_holds_the_files_of_the_hub_and_can_be_exported_again(run: Run, tmp_path: Path) -> None:
    source = run(*TINY["mlp"])
    record(source)
    export(source, ["safetensors"], tmp_path / "out")
    files = {"model.safetensors", "config.json", "README.md", "samples.png"}
    assert {file.name for file in (tmp_path / "out").iterdir()} == files
    config = json.loads((tmp_path / "out" / "config.json").read_text())
    assert config == from_pretrained(tmp_path / "out").config
    assert set(config) == {"model", "data", "loss", "optimizer", "seed", "images"}
    assert set(config["model"]) == {"generator", "latent"}
    export(tmp_path / "out", ["safetensors"], tmp_path / "again")
    first, second = contents(tmp_path / "out"), contents(tmp_path / "again")
    unordered = {"model.safetensors"}  # its metadata are written in any order
    assert {file: first[file] for file in files - unordered} == {file: second[file] for file in files - unordered}
    assert from_pretrained(tmp_path / "again").facts == from_pretrained(tmp_path / "out").facts


def test_scores_are_those_of_the_exported_weights(run: Run, tmp_path: Path) -> None:
    source = run(*TINY["mlp"])
    record(source, split="held out 0.5 of digits")
    record(source, images_seen=640, scores={"fid_classifier": 0.5, "kid_classifier": 0.1}, split="another")
    export(source, [], tmp_path / "out")
    facts = from_pretrained(tmp_path / "out").facts
    assert (facts["images_seen"], facts["scores"]) == (320, SCORES)
    assert facts["stamp"]["split"] == "held out 0.5 of digits"
    assert facts["real"]["images"] == 60


def disturbed(by: float) -> Callable:
    def write(generator: exporting.PretrainedGenerator, path: Path) -> None:
        with torch.no_grad():
            original = [weight.clone() for weight in generator.parameters()]
            for weight in generator.parameters():
                weight += by
            exporting.write_pt2(generator, path)
            for weight, before in zip(generator.parameters(), original, strict=True):
                weight.copy_(before)

    return write


@pytest.mark.parametrize("by", [0.01, float("nan")])
def test_another_image_is_an_error_that_leaves_nothing(
    run: Run, tmp_path: Path, by: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = run(*TINY["mlp"])
    monkeypatch.setitem(FORMATS, "pt2", FORMATS["pt2"]._replace(write=disturbed(by)))
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(ValueError, match=r"format=pt2 draws other images: they differ by .*, and may by 0\.0001"):
        export(source, ["pt2"], tmp_path / "new" / "deep" / "out")
    assert sorted(tmp_path.rglob("*")) == before


def test_network_that_freezes_its_batch_is_an_error(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A graph recorded for a batch of 2 only is what the comparison with other batches is for."""

    def frozen(generator: exporting.PretrainedGenerator, path: Path) -> None:
        torch.export.save(torch.export.export(generator.network, exporting.inputs(generator, 2)), path)

    monkeypatch.setitem(FORMATS, "pt2", FORMATS["pt2"]._replace(write=frozen))
    with pytest.raises(Exception, match=r"(?i)guard"):
        export(run(*TINY["mlp"]), ["pt2"], tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_missing_package_is_named_with_what_installs_it(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exporting, "find_spec", lambda package: None if "onnx" in package else package)
    with pytest.raises(ValueError, match=r"onnx needs onnx, onnxscript, onnxruntime: pip install 'ganforge\[export\]'"):
        export(run(*TINY["mlp"]), ["onnx"], tmp_path / "out")


def test_folder_in_use_is_not_touched(run: Run, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.txt").write_text("years of work")
    with pytest.raises(ValueError, match="out is not empty: choose another folder with output="):
        export(run(*TINY["mlp"]), [], tmp_path / "out")
    assert [file.name for file in (tmp_path / "out").iterdir()] == ["thesis.txt"]


def test_file_that_names_foreign_code_runs_nothing(run: Run, tmp_path: Path) -> None:
    source = run(*TINY["mlp"])
    generator = from_pretrained(source)
    generator.config["model"]["generator"] = {"_target_": "os.system", "command": f"touch {tmp_path}/broken-into"}
    save_generator(source / "generator.safetensors", generator.network, generator.config, generator.facts)
    with pytest.raises(ValueError, match=r"'os\.system' is not allowed"):
        export(source, list(FORMATS), tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def test_records_that_ganforge_did_not_write_are_named(run: Run, tmp_path: Path) -> None:
    source = run(*TINY["mlp"])
    (source / "metrics.jsonl").write_text("{broken\n")
    with pytest.raises(ValueError, match=r"metrics\.jsonl, line 1, is not JSON"):
        export(source, [], tmp_path / "out")


def test_weights_with_a_text_for_a_number_are_refused(run: Run, tmp_path: Path) -> None:
    source = run(*TINY["mlp"])
    generator = from_pretrained(source)
    config = generator.config | {"images": "many"}
    save_generator(source / "generator.safetensors", generator.network, config, generator.facts)
    with pytest.raises(ValueError, match=r"does not say how its generator was trained: .*images is not a number"):
        export(source, [], tmp_path / "out")


@pytest.mark.parametrize("missing", ["data", "loss"])
def test_weights_that_do_not_say_how_they_were_trained_are_refused(run: Run, tmp_path: Path, missing: str) -> None:
    source = run(*TINY["mlp"])
    generator = from_pretrained(source)
    del generator.config[missing]
    save_generator(source / "generator.safetensors", generator.network, generator.config, generator.facts)
    with pytest.raises(ValueError, match=f"run does not say how its generator was trained: KeyError..{missing}"):
        export(source, [], tmp_path / "out")


@pytest.mark.parametrize("key", ["images", "seed", "optimizer"])
def test_texts_where_numbers_belong_are_refused_before_anything_is_written(run: Run, tmp_path: Path, key: str) -> None:
    source = run(*TINY["mlp"])
    generator = from_pretrained(source)
    generator.config[key] = "<script>"
    save_generator(source / "generator.safetensors", generator.network, generator.config, generator.facts)
    with pytest.raises(ValueError, match="run does not say how its generator was trained") as error:
        export(source, [], tmp_path / "new" / "out")
    assert len(str(error.value).splitlines()) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["run"]
