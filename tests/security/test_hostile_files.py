"""Checkpoints and weights of a stranger execute nothing, and nothing is written through a stranger's links."""

import io
import json
import os
import pickle
import shutil
import struct
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from ganforge.artifacts.checkpoints import newest
from ganforge.pretrained import from_pretrained

from .commands import Commands
from .conftest import contents, mostly_slow, refused_in_a_line
from .hostile import CHECKPOINTS, Bite, put, saved, with_checkpoint


@pytest.mark.parametrize("kind", CHECKPOINTS)
def test_checkpoint_is_not_unpickled(run: Path, marker: Path, kind: str) -> None:
    with_checkpoint(run, kind, marker)
    with pytest.raises(ValueError, match=r"last\.ckpt is (refused: it holds more than plain data|damaged: )"):
        newest(run / "checkpoints", print)
    assert not marker.exists()


@pytest.mark.parametrize("kind", mostly_slow(CHECKPOINTS, "in callbacks"))
def test_run_with_a_hostile_checkpoint_is_opened_in_vain(
    commands: Commands, run: Path, marker: Path, kind: str
) -> None:
    with_checkpoint(run, kind, marker)
    before = contents(run)
    for script, words in (("train", [f"resume={run}"]), ("evaluate", [f"run={run}", "images=60"])):
        result = commands(script, *words, cwd=run.parent)
        assert refused_in_a_line(result), result
        assert not marker.exists()
        assert contents(run) == before


def test_the_payloads_of_checkpoints_bite_where_nothing_stops_them(marker: Path) -> None:
    for load, hostile in ((pickle.loads, pickle.dumps(Bite(marker))), (unsafely_loaded, saved(Bite(marker)))):
        load(hostile)
        assert marker.exists()
        marker.unlink()


def unsafely_loaded(content: bytes) -> Any:
    return torch.load(io.BytesIO(content), weights_only=False)


def safetensors_with(header: bytes, length: int | None = None, data: bytes = bytes(64)) -> bytes:
    return struct.pack("<Q", len(header) if length is None else length) + header + data


def tensor_header(dtype: str = "F32", shape: Any = (16,), offsets: Any = (0, 64), **others: Any) -> bytes:
    return json.dumps({"w": {"dtype": dtype, "shape": shape, "data_offsets": offsets}, **others}).encode()


def described(target: str, **metadata: str) -> bytes:
    """Tensors whose metadata ask for `target` as the generator."""
    model = {"generator": {"_target_": target, "command": "x"}, "latent": {"_target_": target, "dim": 2}}
    config = {"config": json.dumps({"model": model}), "facts": "{}"}
    return safetensors_with(tensor_header(__metadata__=config | metadata))


HEADERS: dict[str, Callable[[], bytes]] = {
    "length": lambda: safetensors_with(tensor_header(), 2**60),
    "largest length": lambda: safetensors_with(tensor_header(), 2**64 - 1),
    "no length": lambda: b"\x01",
    "negative offset": lambda: safetensors_with(tensor_header(offsets=(-64, 0))),
    "reversed offsets": lambda: safetensors_with(tensor_header(offsets=(64, 0))),
    "overlap": lambda: safetensors_with(
        tensor_header(v={"dtype": "F32", "shape": [16], "data_offsets": [32, 96]}), data=bytes(96)
    ),
    "beyond the end": lambda: safetensors_with(tensor_header(shape=[2**40], offsets=(0, 2**42))),
    "gigantic shape": lambda: safetensors_with(tensor_header(shape=[2**62, 2**62])),
    "shape that is zero in 64 bits": lambda: safetensors_with(tensor_header(shape=[2**32, 2**32], offsets=(0, 0))),
    "unknown type": lambda: safetensors_with(tensor_header(dtype="object")),
    "deep JSON": lambda: safetensors_with(b'{"__metadata__":' + b"[" * 50_000_000 + b"]" * 49_000_000 + b"}"),
    "deep configuration": lambda: described("x", config="[" * 40_000_000),
    "deep configuration below all limits": lambda: described("x", config="[" * 1_000_000),
    "long configuration": lambda: described("x", config=f"[{'1,' * 20_000_000}1]"),
    "no UTF-8": lambda: safetensors_with(b'{"w\xff":{}}'),
    **{
        target: lambda target=target: described(target)
        for target in ("os.system", "builtins.eval", "ganforge.artifacts.files.os.system", "ganforge.networks.mlp.os")
    },
}


@pytest.mark.parametrize("kind", HEADERS)
def test_weights_are_refused_in_no_time(tmp_path: Path, kind: str) -> None:
    (tmp_path / "generator.safetensors").write_bytes(HEADERS[kind]())
    began = time.process_time()
    with pytest.raises(ValueError, match=r"generator\.safetensors") as caught:
        from_pretrained(tmp_path)
    assert "\n" not in str(caught.value)
    assert time.process_time() - began < 10


@pytest.mark.parametrize("kind", mostly_slow(HEADERS, "ganforge.artifacts.files.os.system"))
def test_weights_are_refused_by_whoever_reads_them(commands: Commands, run: Path, kind: str, tmp_path: Path) -> None:
    weights = run / "generator.safetensors"
    weights.write_bytes(HEADERS[kind]())
    shutil.rmtree(run / "checkpoints")
    before = contents(run)
    for script, words in (
        ("generate", [f"run={run}", "output=out"]),
        ("generate", [f"weights={weights}", "output=out"]),
        ("translate", [f"run={run}", f"input={run}/samples", "output=out"]),
        ("export", [f"run={run}", "output=out"]),
        ("evaluate", [f"run={run}"]),
    ):
        result = commands(script, *words, cwd=tmp_path)
        assert refused_in_a_line(result), (script, result)
        assert contents(run) == before
        assert not (tmp_path / "out").exists()


def claiming(changes: dict[str, Any]) -> bytes:
    """The tensor of a header that says of itself to be a translator, with other claims."""
    generator = {"_target_": "ganforge.networks.unet.Generator", "source_channels": 1, "channels": 1, "image_size": 16}
    config = {"model": {"generator": generator, "latent": None}, "data": {"image_size": 16, "channels": 1}}
    for place, value in changes.items():
        put(config, place, value)
    return safetensors_with(tensor_header(__metadata__={"config": json.dumps(config), "facts": "{}"}))


TRANSLATORS: dict[str, dict[str, Any]] = {
    "other weights": {},
    "foreign network": {"model.generator._target_": "os.system"},
    "foreign encoder": {"model.encoder": {"_target_": "os.system", "image_size": 8, "channels": 1}},
    "critic": {"model.generator": {"_target_": "ganforge.networks.mlp.Discriminator", "image_size": 8, "channels": 1}},
    "endless layers": {"model.generator": {"_target_": "ganforge.networks.resnet.Generator", "blocks": 10**15}},
    "endless channels": {"model.generator.source_channels": 10**15},
    "endless halvings": {"model.generator.image_size": 2**4000},
    "endless pictures": {"data.image_size": 2**60},
    "no pictures": {"data.image_size": None},
    "endless encoder": {"model.encoder": {"_target_": "ganforge.networks.vae.Encoder", "image_size": 2**60}},
}


@pytest.mark.parametrize("kind", TRANSLATORS)
def test_translators_are_refused_in_no_time(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "generator.safetensors"
    path.write_bytes(claiming(TRANSLATORS[kind]))
    began = time.process_time()
    for direction in (None, "a_to_b"):
        with pytest.raises(ValueError, match=r"generator\.safetensors") as caught:
            from_pretrained(path, direction)
        assert "\n" not in str(caught.value)
    assert time.process_time() - began < 5


@pytest.mark.parametrize("kind", mostly_slow(TRANSLATORS, "endless layers"))
def test_commands_refuse_such_translators(commands: Commands, kind: str, tmp_path: Path) -> None:
    (tmp_path / "w.safetensors").write_bytes(claiming(TRANSLATORS[kind]))
    for script, words in (("translate", ["input=."]), ("export", []), ("generate", [])):
        result = commands(script, "weights=w.safetensors", "output=out", *words, cwd=tmp_path, seconds=20)
        assert refused_in_a_line(result), (script, result)
    assert [path.name for path in tmp_path.iterdir()] == ["w.safetensors"]


LINKS: dict[str, Callable[[Path], None]] = {
    "link": lambda path: path.symlink_to("../secret"),
    "link to a folder": lambda path: path.symlink_to(".."),
    "pipe": lambda path: os.mkfifo(path),
    "broken link": lambda path: path.symlink_to("nowhere"),
}
LINKED = ("metrics.jsonl", "status.json", ".lock", "checkpoints/next.ckpt", ".hydra/overrides.yaml", "rollbacks.jsonl")


@pytest.mark.parametrize("place", mostly_slow(LINKED, "metrics.jsonl"))
@pytest.mark.parametrize("kind", mostly_slow(LINKS, "link"))
def test_links_and_pipes_in_a_run_are_not_followed(
    commands: Commands, run: Path, kind: str, place: str, tmp_path: Path
) -> None:
    (tmp_path / "secret").write_text("mine\n")
    (run / "status.json").write_text("{}")
    (run / place).unlink(missing_ok=True)
    LINKS[kind](run / place)
    for script, words in (
        ("train", [f"resume={run}"]),
        ("evaluate", [f"run={run}"]),
        ("compare", [str(run)]),
        ("search", [f"resume={run}"]),
    ):
        result = commands(script, *words, cwd=tmp_path, seconds=20)
        assert refused_in_a_line(result), (script, result)
    assert (tmp_path / "secret").read_text() == "mine\n"
    assert (run / place).is_symlink() or (run / place).is_fifo()


@pytest.mark.parametrize("script", ["generate", "export"])
@pytest.mark.parametrize("place", ["generator.safetensors", "metrics.jsonl"])
def test_a_pipe_does_not_stop_who_only_reads(commands: Commands, run: Path, script: str, place: str) -> None:
    (run / place).unlink()
    os.mkfifo(run / place)
    result = commands(script, f"run={run}", "output=out", cwd=run.parent, seconds=20)
    assert refused_in_a_line(result) if place == "generator.safetensors" else result.code == 0, result
