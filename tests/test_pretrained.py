"""A generator from its file: the same images as before, and one sentence for a file that nobody should trust."""

import json
import resource
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from ganforge.artifacts.tensors import save_generator
from ganforge.losses.elbo import posterior
from ganforge.networks import (
    biggan,
    dcgan,
    mlp,
    progan,
    r3gan,
    resnet,
    rrdb,
    sagan,
    sngan,
    sngan_cnn,
    srresnet,
    stylegan2,
    unet,
    vae,
)
from ganforge.pretrained import (
    PretrainedEncoder,
    PretrainedGenerator,
    PretrainedTranslator,
    from_pretrained,
)
from ganforge.pretrained.reading import ARGUMENTS_LIMIT
from ganforge.pretrained.translator import PIXELS_TOGETHER, TOGETHER
from ganforge.sampling.latent import Latent

NETWORKS = {
    "mlp": (mlp.Generator, {"latent_dim": 6, "image_size": 8, "channels": 3, "hidden": [10, 12]}),
    "dcgan": (dcgan.Generator, {"latent_dim": 6, "image_size": 16, "channels": 1, "width": 2}),
    "sngan": (sngan.Generator, {"latent_dim": 6, "image_size": 16, "channels": 1, "width": 2}),
    "sngan_cnn": (sngan_cnn.Generator, {"latent_dim": 6, "image_size": 16, "channels": 3, "width": 2}),
    "stylegan2": (
        stylegan2.Generator,
        {"latent_dim": 6, "image_size": 16, "channels": 1, "w_dim": 5, "mapping_layers": 2, "channel_max": 2},
    ),
    "sagan": (sagan.Generator, {"latent_dim": 6, "image_size": 16, "channels": 1, "width": 2}),
    "biggan": (biggan.Generator, {"latent_dim": 6, "image_size": 16, "channels": 1, "width": 1, "attention": 16}),
    "r3gan": (r3gan.Generator, {"latent_dim": 6, "image_size": 16, "channels": 3, "width": 2, "group_width": 2}),
    "progan": (progan.Generator, {"latent_dim": 6, "image_size": 16, "channels": 3, "fmap_base": 32, "fmap_max": 4}),
    "points": (mlp.Generator, {"latent_dim": 6, "image_size": 1, "channels": 2, "hidden": [10]}),
}
TRANSLATORS = {
    "unet": (unet.Generator, {"source_channels": 1, "channels": 3, "image_size": 16, "width": 2}),
    "shallow unet": (
        unet.Generator,
        {"source_channels": 1, "channels": 1, "image_size": 16, "width": 2, "halvings": 2},
    ),
    "resnet": (resnet.Generator, {"source_channels": 3, "channels": 1, "width": 2, "blocks": 1}),
    "srresnet": (srresnet.Generator, {"source_channels": 3, "channels": 3, "scale": 4, "width": 2, "blocks": 1}),
    "rrdb": (rrdb.Generator, {"source_channels": 1, "channels": 1, "scale": 2, "width": 2, "blocks": 1, "growth": 2}),
}
ENCODERS = {
    "encoder": (vae.Encoder, {"latent_dim": 6, "image_size": 8, "channels": 1, "hidden": [10]}),
    "convolutional encoder": (vae.ConvolutionalEncoder, {"latent_dim": 6, "image_size": 16, "channels": 3, "width": 2}),
}
ALL = NETWORKS | TRANSLATORS | ENCODERS
LATENT = {"_target_": "ganforge.sampling.latent.Latent", "dim": 6, "distribution": "normal"}


def configuration(name: str, **changes: Any) -> dict[str, Any]:
    """What train.py writes of a network, with changed arguments."""
    cls, arguments = ALL[name]
    node = {"_target_": f"{cls.__module__}.{cls.__name__}", **arguments} | changes
    if name in TRANSLATORS:
        return {"model": {"latent": None, "generator": node}, "data": {"image_size": 16}, "direction": "a_to_b"}
    return {"model": {"latent": LATENT, "encoder" if name in ENCODERS else "generator": node}}


def written(folder: Path, name: str = "mlp", config: dict[str, Any] | None = None) -> tuple[Path, nn.Module]:
    """A run folder with a random network, described by `config` whether that is true or not."""
    cls, arguments = ALL[name]
    network = cls(**arguments)
    facts = {"images_seen": 5, "scores": {"fid": 1.0}}
    save_generator(folder / "generator.safetensors", network, config or configuration(name), facts)
    return folder, network


def file_with(path: Path, **metadata: str) -> Path:
    save_file({"weight": torch.zeros(1)}, path, metadata)
    return path


@pytest.mark.parametrize("name", NETWORKS)
def test_run_folder_gives_the_generator_that_was_saved(tmp_path: Path, name: str) -> None:
    folder, network = written(tmp_path, name)
    for path in (folder, folder / "generator.safetensors", str(folder)):
        generator = from_pretrained(path)
        z = generator.latents(3, seed=1)
        torch.testing.assert_close(generator(z), network.eval()(z))
        assert generator.facts == {"images_seen": 5, "scores": {"fid": 1.0}}
        assert generator.config == configuration(name)
        assert generator.image_shape == generator.sample(1).shape[1:]
        assert generator.num_classes is None
        assert not generator.training and not any(p.requires_grad for p in generator.parameters())


@pytest.mark.parametrize("level", [0.0, 1.0, 1.4])
def test_generator_that_has_not_grown_up_draws_what_it_did(tmp_path: Path, level: float) -> None:
    network = NETWORKS["progan"][0](**NETWORKS["progan"][1]).eval()
    network.grow(level)
    save_generator(tmp_path / "generator.safetensors", network, configuration("progan"), {})
    generator = from_pretrained(tmp_path)
    z = generator.latents(3)
    assert torch.equal(generator(z), network(z))
    assert generator.image_shape == (3, 16, 16)


@pytest.mark.parametrize("level", [-1.0, 2.5, 1e30, float("nan"), float("inf")])
def test_level_that_a_network_has_not_is_refused(tmp_path: Path, level: float) -> None:
    network = NETWORKS["progan"][0](**NETWORKS["progan"][1])
    network.level.fill_(level)
    save_generator(tmp_path / "generator.safetensors", network, configuration("progan"), {})
    with pytest.raises(ValueError, match=r"2 levels cannot use .* of them"):
        from_pretrained(tmp_path)


def test_weights_of_half_precision_are_computed_with_in_full(tmp_path: Path) -> None:
    network = NETWORKS["mlp"][0](**NETWORKS["mlp"][1])
    expected = PretrainedGenerator(network.half().float(), Latent(6), {}, {}).sample(2)
    save_generator(tmp_path / "generator.safetensors", network.half(), configuration("mlp"), {})
    assert torch.equal(from_pretrained(tmp_path).sample(2), expected)


def test_exported_folder_is_read_too(tmp_path: Path) -> None:
    folder, _ = written(tmp_path)
    images = from_pretrained(folder).sample(2)
    (folder / "generator.safetensors").rename(folder / "model.safetensors")
    assert torch.equal(from_pretrained(folder).sample(2), images)


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("truncation", [None, 0.5])
def test_an_image_depends_on_its_number_and_seed_alone(tmp_path: Path, name: str, truncation: float | None) -> None:
    generator = from_pretrained(written(tmp_path, name)[0])
    images = generator.sample(70, seed=2, truncation=truncation)
    assert torch.equal(generator.sample(3, seed=2, truncation=truncation), images[:3])
    assert torch.equal(generator.sample(37, seed=2, truncation=truncation, first=33), images[33:])
    assert not torch.equal(generator.sample(3, seed=3, truncation=truncation), images[:3])
    assert len(images.flatten(1).unique(dim=0)) == 70


def test_truncation_bounds_the_latents(tmp_path: Path) -> None:
    latents = from_pretrained(written(tmp_path)[0]).latents(100, truncation=0.5)
    assert 0.45 < latents.abs().max() <= 0.5


def test_labels_reach_the_network() -> None:
    class Label(nn.Module):
        num_classes = 4

        def __init__(self) -> None:
            super().__init__()
            self.scale = nn.Parameter(torch.ones(()))

        def forward(self, z: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
            return self.scale * label.view(-1, 1, 1, 1).expand(-1, 1, 2, 2)

    generator = PretrainedGenerator(Label(), Latent(2), {}, {})
    assert generator.num_classes == 4
    labels = torch.arange(40) % 4
    assert torch.equal(generator.sample(40, labels=labels)[:, 0, 0, 0].long(), labels)
    assert torch.equal(generator.sample(40)[:, 0, 0, 0].long(), labels)
    assert torch.equal(generator.sample(3, first=37)[:, 0, 0, 0].long(), labels[37:])
    assert torch.equal(generator.images_from(torch.zeros(40, 2))[:, 0, 0, 0].long(), labels)


@pytest.mark.parametrize(
    "target",
    [
        "os.system",
        "ganforge.artifacts.files.replacing",
        "ganforge.networks.dcgan.nn",
        "ganforge.networks.dcgan.nn.Linear",
        "ganforge.networks.dcgan.base_and_depth",
        "ganforge.networks.dcgan.radford_",
        "ganforge.networks.nothing.Generator",
        "ganforge.networks..Generator",
        "ganforge.networks.mlp.Nothing",
        "Generator",
        "",
    ],
)
def test_only_networks_of_ganforge_may_be_named(tmp_path: Path, target: str) -> None:
    folder, _ = written(tmp_path, config=configuration("mlp", _target_=target))
    with pytest.raises(ValueError, match=r"is not allowed|is not a network of ganforge") as caught:
        from_pretrained(folder)
    assert str(folder) in str(caught.value)


def test_module_of_a_refused_target_is_never_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "trap.py").write_text("raise SystemExit('imported')")
    monkeypatch.syspath_prepend(tmp_path)
    folder, _ = written(tmp_path, config=configuration("mlp", _target_="trap.Generator"))
    with pytest.raises(ValueError, match="is not allowed"):
        from_pretrained(folder)


def test_discriminator_is_no_generator(tmp_path: Path) -> None:
    arguments = {"image_size": 1, "channels": 6, "hidden": [3]}
    config = configuration("mlp") | {
        "model": {"latent": LATENT, "generator": {"_target_": "ganforge.networks.mlp.Discriminator", **arguments}}
    }
    with pytest.raises(ValueError, match="draws no images"):
        from_pretrained(written(tmp_path, config=config)[0])


UNFITTING = {
    "width": ("dcgan", {"width": 3}),
    "hidden": ("mlp", {"hidden": [10, 13]}),
    "depth": ("mlp", {"hidden": [10]}),
    "image_size": ("dcgan", {"image_size": 32}),
    "latent_dim": ("mlp", {"latent_dim": 7}),
    "negative": ("mlp", {"hidden": [-1]}),
    "absurd width": ("dcgan", {"width": 10**9}),
    "wider than a number of 64 bits": ("dcgan", {"width": 10**30}),
    "absurd image_size": ("dcgan", {"image_size": 2**40}),
    "image_size of a thousand digits": ("dcgan", {"image_size": 2**4000}),
    "absurd pixels": ("mlp", {"image_size": 10**6}),
    "absurd hidden": ("mlp", {"hidden": [10**9, 10**9]}),
    "possible but large hidden": ("mlp", {"hidden": [20_000, 20_000]}),
    "absurd latent_dim": ("mlp", {"latent_dim": 10**12}),
    "many layers": ("mlp", {"hidden": [1] * (ARGUMENTS_LIMIT // 4)}),
    "width of a translator": ("unet", {"width": 3}),
    "source channels": ("unet", {"source_channels": 3}),
    "channels": ("resnet", {"channels": 3}),
    "absurd source channels": ("resnet", {"source_channels": 10**12}),
    "fewer halvings": ("unet", {"halvings": 2}),
    "endless blocks": ("resnet", {"blocks": 10**12}),
    "endless halvings": ("unet", {"image_size": 2**4000}),
    "images of an encoder": ("encoder", {"image_size": 9}),
    "latents of an encoder": ("convolutional encoder", {"latent_dim": 10**12}),
}


FOUND_OUT = r"do not fit their configuration: .+|carries no generator's configuration that ganforge can read \(.+\)"


@pytest.mark.parametrize("case", UNFITTING)
def test_weights_that_do_not_fit_cost_neither_memory_nor_time(tmp_path: Path, case: str) -> None:
    name, changes = UNFITTING[case]
    folder, _ = written(tmp_path, name, configuration(name, **changes))
    memory, began = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    with pytest.raises(ValueError, match=FOUND_OUT) as caught:
        from_pretrained(folder)
    assert str(folder) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory < 200_000
    assert time.process_time() - began < 10


def test_prior_of_another_size_is_refused(tmp_path: Path) -> None:
    config = configuration("mlp")
    for dim in (5, 10**12):
        config["model"]["latent"] = LATENT | {"dim": dim}
        with pytest.raises(ValueError, match="do not fit their configuration"):
            from_pretrained(written(tmp_path, config=config)[0])


UNREADABLE: dict[str, dict[str, str]] = {
    "nothing": {},
    "no facts": {"config": json.dumps(configuration("mlp"))},
    "no JSON": {"config": "{", "facts": "{}"},
    "no mapping": {"config": "[1]", "facts": "{}"},
    "null": {"config": '{"model": {"generator": null, "latent": null}}', "facts": "{}"},
    "no target": {"config": '{"model": {"generator": {}, "latent": {"_target_": "x", "dim": 2}}}', "facts": "{}"},
    "deep": {"config": "[" * 30_000 + "]" * 30_000, "facts": "{}"},
    "deep facts": {"config": json.dumps(configuration("mlp")), "facts": "[" * 200_000},
    "unknown argument": {"config": json.dumps(configuration("mlp", colour=1)), "facts": "{}"},
    "text for a number": {"config": json.dumps(configuration("dcgan", width="wide")), "facts": "{}"},
    "no hidden layer": {"config": json.dumps(configuration("mlp", hidden=[])), "facts": "{}"},
    "unknown normalization": {"config": json.dumps(configuration("dcgan", normalization="x")), "facts": "{}"},
}


@pytest.mark.parametrize("case", UNREADABLE)
def test_metadata_that_describe_no_generator(tmp_path: Path, case: str) -> None:
    path = file_with(tmp_path / "x.safetensors", **UNREADABLE[case])
    with pytest.raises(ValueError, match=r"x.safetensors carries no generator's configuration that ganforge can read"):
        from_pretrained(path)


def test_network_of_endless_layers_is_not_built(tmp_path: Path) -> None:
    config = json.dumps(configuration("mlp", hidden=[1] * 1_000_000))
    with pytest.raises(ValueError, match=r"x.safetensors: more than 4,096 characters describe the network"):
        from_pretrained(file_with(tmp_path / "x.safetensors", config=config, facts="{}"))


def with_many_stages(folder: Path) -> Path:
    """A U-Net that could have been trained, had anybody had such images."""
    arguments = {"source_channels": 1, "channels": 1, "image_size": 2**40, "width": 1}
    target = "ganforge.networks.unet.Generator"
    config = {"model": {"latent": None, "generator": {"_target_": target, **arguments}}, "data": {"image_size": 1024}}
    save_generator(folder / "generator.safetensors", unet.Generator(**arguments), config, {})
    return folder


CLAIMS: dict[str, tuple[str, dict[str, Any], str]] = {
    "size of a world": ("resnet", {"data": {"image_size": 2**40}}, "should be a whole number from 1 to 2,048"),
    "size in words": ("resnet", {"data": {"image_size": "large"}}, "should be a whole number"),
    "size that is true": ("resnet", {"data": {"image_size": True}}, "should be a whole number"),
    "no data": ("resnet", {"data": {}}, "carries no generator's configuration"),
    "another size": ("unet", {"data": {"image_size": 24}}, "image_size=24 is no multiple of 16"),
    "direction": ("unet", {"direction": "../../x"}, "should be a_to_b or b_to_a"),
    "direction in a list": ("unet", {"direction": ["a_to_b"]}, "should be a_to_b or b_to_a"),
}


@pytest.mark.parametrize("case", CLAIMS)
def test_what_a_translator_claims_of_itself_is_held_against_its_network(tmp_path: Path, case: str) -> None:
    name, changes, message = CLAIMS[case]
    folder, _ = written(tmp_path, name, configuration(name) | changes)
    with pytest.raises(ValueError, match=message) as caught:
        from_pretrained(folder)
    assert str(folder) in str(caught.value) and "\n" not in str(caught.value)


def test_multiple_beyond_all_images_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"image_size=1024 is no multiple of 1099511627776"):
        from_pretrained(with_many_stages(tmp_path))


WRONG_KINDS = {
    "generator that translates": ("dcgan", {"latent": None}, "dcgan.Generator translates no images"),
    "critic that translates": ("patchgan.Discriminator", {"latent": None}, "Discriminator translates no images"),
    "translator that draws": ("resnet", {"latent": LATENT}, "do not fit their configuration|draws no images"),
    "encoder that draws": ("encoder", {"latent": LATENT}, "carries no generator|do not fit|draws no images"),
    "encoder that translates": ("encoder", {"latent": None}, "Encoder translates no images"),
    "generator that encodes": ("unet", {"encoder": True}, "do not fit|unet.Generator encodes no images"),
    "critic that encodes": ("patchgan.Discriminator", {"encoder": True}, "Discriminator encodes no images"),
}


@pytest.mark.parametrize("case", WRONG_KINDS)
def test_network_of_another_kind_is_refused(tmp_path: Path, case: str) -> None:
    name, changes, message = WRONG_KINDS[case]
    if name in ALL:
        cls, arguments = ALL[name]
        node = {"_target_": f"{cls.__module__}.{cls.__name__}", **arguments}
    else:
        node = {"_target_": f"ganforge.networks.{name}", "image_size": 32, "channels": 3, "receptive_field": 16}
    model = {"encoder": node} if changes.get("encoder") else {"generator": node, **changes}
    if "encoder" in model:
        node |= {"image_size": 16, "channels": 3}
    with pytest.raises(ValueError, match=message) as caught:
        from_pretrained(written(tmp_path, config={"model": model, "data": {"image_size": 16}})[0])
    assert "\n" not in str(caught.value)


SIZES = [(16, 16), (1, 1), (1, 40), (17, 31), (5, 7), (33, 3), (48, 32)]


@pytest.mark.parametrize("name", TRANSLATORS)
def test_translator_takes_any_size_and_gives_it_back(tmp_path: Path, name: str) -> None:
    folder, network = written(tmp_path, name)
    translator = from_pretrained(folder)
    assert isinstance(translator, PretrainedTranslator)
    arguments = TRANSLATORS[name][1]
    assert translator.source_channels == arguments["source_channels"]
    assert translator.image_shape == (arguments["channels"], 16, 16)
    assert (translator.multiple, translator.latent, translator.direction) == (network.multiple, None, "a_to_b")
    for height, width in SIZES:
        sources = torch.rand(3, arguments["source_channels"], height, width) * 2 - 1
        images = translator.translate(sources)
        scale = arguments.get("scale", 1)
        assert images.shape == (3, arguments["channels"], scale * height, scale * width)
        if height % network.multiple == width % network.multiple == 0 and min(height, width) >= 8:
            torch.testing.assert_close(images, network.eval()(sources))


@pytest.mark.parametrize("name", ["srresnet", "rrdb"])
@pytest.mark.parametrize("size", [(70, 45), (31, 90), (1, 61)])
def test_tiles_are_the_whole(tmp_path: Path, name: str, size: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    """Of any size and of any picture; asked for, and where a picture is large."""
    folder, network = written(tmp_path, name)
    for weight in network.parameters():
        weight.data.normal_(0, 0.3)
    save_generator(folder / "generator.safetensors", network, configuration(name), {})
    translator = from_pretrained(folder)
    sources = torch.rand(2, translator.source_channels, *size) * 2 - 1
    whole = translator.translate(sources)
    seen: list[int] = []
    features = type(network).features
    monkeypatch.setattr(
        type(network), "features", lambda self, part: seen.append(part.shape[-1]) or features(self, part)
    )
    for tile in (7, 30, 64):
        torch.testing.assert_close(translator.translate(sources, tile=tile), whole, rtol=0, atol=1e-5)
        assert max(seen) <= tile + 2 * translator.network.reaches[0]
        seen.clear()
    monkeypatch.setattr("ganforge.pretrained.translator.PIXELS_AT_ONCE", 1000)
    monkeypatch.setattr("ganforge.sampling.tiles.PIXELS_AT_ONCE", 1000)
    monkeypatch.setattr("ganforge.sampling.tiles.SMALLEST_TILE", 20)
    torch.testing.assert_close(translator.translate(sources), whole, rtol=0, atol=1e-5)
    assert whole.std() > 0.1 and (len(seen) > len(sources) or size[0] == 1)


def test_a_network_that_sees_the_whole_picture_has_no_tiles(tmp_path: Path) -> None:
    translator = from_pretrained(written(tmp_path, "resnet")[0])
    with pytest.raises(ValueError, match="tile=8: a part of what this network makes depends on the whole picture"):
        translator.translate(torch.zeros(1, 3, 16, 16), tile=8)


def test_missing_pixels_are_mirrored_or_where_there_are_too_few_repeated(tmp_path: Path) -> None:
    translator = from_pretrained(written(tmp_path, "resnet")[0])
    wide = torch.rand(1, 3, 13, 16) * 2 - 1
    mirrored = torch.cat([wide, wide[:, :, 9:12].flip(2)], 2)
    assert torch.equal(translator.translate(wide), translator.translate(mirrored)[:, :, :13])
    dot = torch.rand(1, 3, 1, 1) * 2 - 1
    assert torch.equal(translator.translate(dot), translator.translate(dot.expand(1, 3, 8, 8))[..., :1, :1])


@pytest.mark.parametrize("name", [*TRANSLATORS, *ENCODERS])
def test_what_becomes_of_an_image_does_not_depend_on_the_others(tmp_path: Path, name: str) -> None:
    network = from_pretrained(written(tmp_path, name)[0])
    translates = isinstance(network, PretrainedTranslator)
    shape = (network.source_channels, 16, 16) if translates else network.image_shape
    made = network.translate if translates else lambda images: network.encode(images).mean
    images = torch.rand(11, *shape) * 2 - 1
    together = made(images)
    assert torch.equal(made(images[:1]), together[:1])
    assert torch.equal(made(images[:9]), together[:9])
    assert torch.equal(made(torch.cat([images[:1], images[5:]])), torch.cat([together[:1], made(images[4:])[1:]]))
    torch.testing.assert_close(made(images[4:5]), together[4:5], rtol=1e-5, atol=1e-6)


def test_large_images_are_translated_alone(tmp_path: Path) -> None:
    translator = from_pretrained(written(tmp_path, "resnet")[0])
    assert translator.together(16, 16) == TOGETHER
    assert translator.together(16, 16, 100) == 100
    assert translator.together(16, PIXELS_TOGETHER // 16 // 2) == 2
    assert translator.together(10_000, 10_000) == 1


def test_noise_is_a_function_of_the_seed(tmp_path: Path) -> None:
    arguments = TRANSLATORS["unet"][1] | {"dropout_at_test": True}
    config = configuration("unet", dropout_at_test=True)
    save_generator(tmp_path / "generator.safetensors", unet.Generator(**arguments), config, {})
    translator = from_pretrained(tmp_path)
    assert translator.is_noisy
    sources, state = torch.rand(3, 1, 16, 16) * 2 - 1, torch.get_rng_state()
    images = translator.translate(sources, seed=4)
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(translator.translate(sources[1:2], seed=4), images[1:2])
    assert not torch.equal(translator.translate(sources, seed=5), images)


def test_direction_chooses_the_generator(tmp_path: Path) -> None:
    folder, _ = written(tmp_path, "resnet")
    cls, arguments = TRANSLATORS["unet"]
    backward = configuration("unet") | {"direction": "b_to_a"}
    save_generator(folder / "backward_generator.safetensors", cls(**arguments), backward, {})
    assert from_pretrained(folder).source_channels == from_pretrained(folder, "a_to_b").source_channels == 3
    for path in (folder, folder / "backward_generator.safetensors"):
        translator = from_pretrained(path, direction="b_to_a")
        assert (translator.source_channels, translator.direction) == (1, "b_to_a")
    with pytest.raises(ValueError, match="has the direction b_to_a"):
        from_pretrained(folder / "backward_generator.safetensors", "a_to_b")
    (folder / "backward_generator.safetensors").unlink()
    with pytest.raises(ValueError, match="which model=cyclegan leaves: leave out direction=b_to_a"):
        from_pretrained(folder, "b_to_a")
    with pytest.raises(ValueError, match="translates nothing: leave out direction=a_to_b"):
        from_pretrained(written(tmp_path / "gan")[0], "a_to_b")


@pytest.mark.parametrize("name", ENCODERS)
def test_encoder_gives_mean_and_log_variance(tmp_path: Path, name: str) -> None:
    folder, network = written(tmp_path, name)
    (folder / "generator.safetensors").rename(folder / "encoder.safetensors")
    encoder = from_pretrained(folder / "encoder.safetensors")
    assert isinstance(encoder, PretrainedEncoder)
    assert (encoder.latent_dim, encoder.facts["images_seen"]) == (6, 5)
    images = torch.rand(35, *encoder.image_shape) * 2 - 1
    for found, expected in zip(encoder.encode(images), posterior(*network.eval()(images)), strict=True):
        torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("shape", [(3, 16, 16), (2, 1, 16, 16), (0, 3, 16, 16), (2, 3, 0, 16)])
@pytest.mark.parametrize(("name", "method"), [("resnet", "translate"), ("convolutional encoder", "encode")])
def test_pictures_of_another_shape_are_refused(tmp_path: Path, shape: tuple[int, ...], name: str, method: str) -> None:
    network = from_pretrained(written(tmp_path, name)[0])
    with pytest.raises(ValueError, match=r"this network (translates|encodes) \(B, 3, .*\) in \[-1, 1\], not \("):
        getattr(network, method)(torch.zeros(shape))


@pytest.mark.parametrize(("name", "instead"), [("unet", r"use translate\(images\)"), ("encoder", r"use encode\(")])
def test_what_starts_from_images_draws_none(tmp_path: Path, name: str, instead: str) -> None:
    with pytest.raises(ValueError, match=instead):
        from_pretrained(written(tmp_path, name)[0]).sample(3, seed=0)


@pytest.mark.parametrize("kept", [0, 5, 300, -1])
def test_truncated_file(tmp_path: Path, kept: int) -> None:
    path = written(tmp_path)[0] / "generator.safetensors"
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(ValueError, match="is not a readable safetensors file"):
        from_pretrained(path)


def test_pickle_is_not_opened(tmp_path: Path) -> None:
    torch.save({"weight": torch.zeros(3)}, tmp_path / "generator.safetensors")
    with pytest.raises(ValueError, match="is not a readable safetensors file"):
        from_pretrained(tmp_path)


def test_missing_file_and_empty_folder(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "nope.safetensors"):
        with pytest.raises(ValueError, match="no such file or folder with generator"):
            from_pretrained(path)
