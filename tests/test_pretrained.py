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
from ganforge.networks import dcgan, mlp
from ganforge.pretrained import ARGUMENTS_LIMIT, PretrainedGenerator, from_pretrained
from ganforge.sampling.latent import Latent

NETWORKS = {
    "mlp": (mlp.Generator, {"latent_dim": 6, "image_size": 8, "channels": 3, "hidden": [10, 12]}),
    "dcgan": (dcgan.Generator, {"latent_dim": 6, "image_size": 16, "channels": 1, "width": 2}),
    "points": (mlp.Generator, {"latent_dim": 6, "image_size": 1, "channels": 2, "hidden": [10]}),
}
LATENT = {"_target_": "ganforge.sampling.latent.Latent", "dim": 6, "distribution": "normal"}


def configuration(name: str, **changes: Any) -> dict[str, Any]:
    """What train.py writes of a generator, with changed arguments."""
    cls, arguments = NETWORKS[name]
    target = f"{cls.__module__}.{cls.__name__}"
    return {"model": {"latent": LATENT, "generator": {"_target_": target, **arguments} | changes}}


def written(folder: Path, name: str = "mlp", config: dict[str, Any] | None = None) -> tuple[Path, nn.Module]:
    """A run folder with a random network, described by `config` whether that is true or not."""
    cls, arguments = NETWORKS[name]
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
