"""Nothing that a stranger gives away is ever executed: checkpoints, weights, configurations, words."""

import copy
import io
import json
import os
import pickle
import re
import shutil
import struct
import tarfile
import tempfile
import time
import zipfile
from collections.abc import Callable
from importlib import import_module
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from hydra.utils import instantiate
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException
from optuna import create_study
from optuna.distributions import IntDistribution
from optuna.trial import TrialState, create_trial

from ganforge.artifacts.checkpoints import newest
from ganforge.build import build
from ganforge.pretrained import from_pretrained
from ganforge.resume import sweep_words
from ganforge.stored import stored_config, stored_words

from .commands import Commands
from .conftest import SHORT, contents, mostly_slow, refused_in_a_line


class Bite:
    """Makes a file when it is unpickled."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Callable[[str], int], tuple[str]]:
        return os.system, (f"touch {self.marker}",)


def checkpoint_with(state: dict[str, Any], where: str, bite: Bite) -> dict[str, Any]:
    hostile = copy.copy(state)
    if where == "optimizer_states":
        hostile["optimizer_states"] = [{**state["optimizer_states"][0], "x": bite}, state["optimizer_states"][1]]
    else:
        hostile[where] = {**state[where], "x": bite}
    return hostile


def legacy_tar(bite: Bite) -> bytes:
    """What torch.save wrote before 2018."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as tar:
        for name, thing in (("sys_info", {}), ("pickle", bite), ("tensors", []), ("storages", [])):
            data = pickle.dumps(thing)
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))
    return content.getvalue()


def saved(thing: Any, **options: Any) -> bytes:
    content = io.BytesIO()
    torch.save(thing, content, **options)
    return content.getvalue()


def compressed(archive: bytes) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(archive)) as old, zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(name, old.read(name))
    return content.getvalue()


CHECKPOINTS: dict[str, Callable[[dict[str, Any], Bite], bytes]] = {
    "plain pickle": lambda _, bite: pickle.dumps(bite),
    "zip": lambda _, bite: saved(bite),
    "compressed zip": lambda _, bite: compressed(saved(bite)),
    "before 1.6": lambda _, bite: saved(bite, _use_new_zipfile_serialization=False),
    "before 0.1": lambda _, bite: legacy_tar(bite),
    **{
        f"in {where}": lambda state, bite, where=where: saved(checkpoint_with(state, where, bite))
        for where in ("callbacks", "optimizer_states", "state_dict", "loops", "scores")
    },
}


def with_checkpoint(run: Path, kind: str, marker: Path) -> None:
    """Leave a hostile one as the only checkpoint, under both names."""
    state = torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)
    hostile = CHECKPOINTS[kind](state, Bite(marker))
    for path in (run / "checkpoints").iterdir():
        path.unlink()
    for name in ("last", "best"):
        (run / "checkpoints" / f"{name}.ckpt").write_bytes(hostile)


@pytest.mark.parametrize("kind", CHECKPOINTS)
def test_checkpoint_is_not_unpickled(run: Path, marker: Path, kind: str) -> None:
    with_checkpoint(run, kind, marker)
    with pytest.raises(ValueError, match=r"last\.ckpt is (refused: it holds more than plain data|damaged: )"):
        newest(run / "checkpoints", print)
    assert not marker.exists()


@pytest.mark.parametrize("kind", mostly_slow(CHECKPOINTS, "plain pickle", "in callbacks"))
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


@pytest.mark.parametrize("kind", mostly_slow(HEADERS, "length", "ganforge.artifacts.files.os.system"))
def test_weights_are_refused_by_whoever_reads_them(commands: Commands, run: Path, kind: str, tmp_path: Path) -> None:
    weights = run / "generator.safetensors"
    weights.write_bytes(HEADERS[kind]())
    shutil.rmtree(run / "checkpoints")
    before = contents(run)
    for script, words in (
        ("generate", [f"run={run}", "output=out"]),
        ("generate", [f"weights={weights}", "output=out"]),
        ("export", [f"run={run}", "output=out"]),
        ("evaluate", [f"run={run}"]),
    ):
        result = commands(script, *words, cwd=tmp_path)
        assert refused_in_a_line(result), (script, result)
        assert contents(run) == before
        assert not (tmp_path / "out").exists()


def payloads(marker: Path) -> dict[str, dict[str, Any]]:
    """What makes `marker` when it is instantiated."""
    traps = marker.parent / "traps"
    traps.mkdir()
    (traps / "trap.pt").write_bytes(saved(Bite(marker)))
    np.save(traps / "trap.npy", np.array([Bite(marker)]))
    (traps / "hubconf.py").write_text(f"def bite(): open({str(marker)!r}, 'w')")
    touch, trap = f"touch {marker}", str(traps / "trap.pt")
    path = {"_target_": "pathlib.Path", "_args_": [str(marker)]}
    copied = {"src": trap, "dst": str(marker)}
    return {
        "os.system": {"command": touch},
        "subprocess.call": {"_args_": [["touch", str(marker)]]},
        "builtins.eval": {"_args_": [f"open({str(marker)!r}, 'w')"]},
        "pathlib.Path.touch": {"_args_": [path]},
        "pathlib.Path.write_text": {"_args_": [path, "bitten"]},
        "numpy.savetxt": {"fname": str(marker), "X": [1, 2]},
        "torch.load": {"f": trap, "weights_only": False},
        "torch.save": {"obj": 1, "f": str(marker)},
        "torch.hub.load": {"repo_or_dir": str(traps), "model": "bite", "source": "local"},
        "torch.nn.modules.module.torch.load": {"f": trap, "weights_only": False},
        "torch.optim.optimizer.torch.save": {"obj": 1, "f": str(marker)},
        "ganforge.artifacts.files.os.system": {"command": touch},
        "ganforge.data.folder.np.savetxt": {"fname": str(marker), "X": [1, 2]},
        "ganforge.data.arrays.np.load": {"file": str(traps / "trap.npy"), "allow_pickle": True},
        "ganforge.artifacts.curves.Path.touch": {"_args_": [path]},
        "lightning.pytorch.callbacks.model_checkpoint.shutil.copy": copied,
        "lightning.pytorch.callbacks.model_checkpoint.pl.callbacks.model_checkpoint.shutil.copy": copied,
        "lightning.pytorch.loggers.csv_logs.os.system": {"command": touch},
    }


TARGETS = list(payloads(Path(tempfile.mkdtemp()) / "x"))
PLACES = (
    "callbacks.x",
    "callbacks.evaluation.evaluator",
    "logger.x",
    "metrics.extractor",
    "metrics.scores.x",
    "data",
    "data.flip",
    "model.generator",
    "model.generator.hidden",
    "trainer",
    "trainer.strategy",
    "trainer.plugins",
    "system",
    "system.latent",
    "system.game.constraint",
    "optimizer",
    "optimizer.generator",
    "optimizer.generator.betas",
    "loss.penalties.x",
    "loss.adversarial",
    "what.nobody.asks.for",
)
SHAPES: dict[str, Callable[[dict[str, Any]], Any]] = {
    "itself": lambda node: node,
    "a partial": lambda node: {**node, "_partial_": True},
    "in lists": lambda node: [1, [[node]]],
    "below": lambda node: {"deep": {"deeper": node}},
    "an argument": lambda node: {"_target_": "torch.nn.Sequential", "_args_": [node]},
    "in a partial": lambda node: {"_target_": "torch.optim.Adam", "_partial_": True, "betas": [{"x": node}]},
    "left alone": lambda node: {"_target_": "torch.nn.Identity", "_recursive_": False, "x": node},
}


def put(content: dict[str, Any], place: str, value: Any) -> None:
    *outer, last = place.split(".")
    for key in outer:
        if not isinstance(content.get(key), dict):
            content[key] = {}
        content = content[key]
    content[last] = value


class Plain(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        return True


def with_config(run: Path, content: dict[str, Any]) -> None:
    (run / ".hydra" / "config.yaml").write_text(yaml.dump(content, Dumper=Plain))


def config_of(run: Path) -> dict[str, Any]:
    return yaml.safe_load((run / ".hydra" / "config.yaml").read_text())


def test_the_payloads_of_configurations_bite_where_nothing_stops_them(marker: Path) -> None:
    def built(node: Any) -> Any:
        if not isinstance(node, dict):
            return node
        module, names = node["_target_"], []
        while True:
            try:
                found: Any = import_module(module)
                break
            except ImportError:
                module, _, name = module.rpartition(".")
                names.insert(0, name)
        for name in names:
            found = getattr(found, name)
        arguments = {key: value for key, value in node.items() if not key.startswith("_")}
        return found(*map(built, node.get("_args_", [])), **arguments)

    for target, arguments in payloads(marker).items():
        built({"_target_": target, **arguments})
        assert marker.exists(), target
        marker.unlink()


@pytest.mark.parametrize("place", PLACES)
def test_no_target_outside_of_the_trusted_packages_is_built(whole: Path, marker: Path, place: str) -> None:
    plain = config_of(whole)
    for number, (target, arguments) in enumerate(payloads(marker).items(), PLACES.index(place)):
        shape = list(SHAPES)[number % len(SHAPES)]
        content, hostile = copy.deepcopy(plain), SHAPES[shape]({"_target_": target, **arguments})
        put(content, "elsewhere" if number % 3 == 0 else place, hostile)
        if number % 3 == 0:
            put(content, place, "${elsewhere}")
        with pytest.raises(ValueError, match=f"'{target}' is not allowed"):
            build(OmegaConf.create(content))
        assert not marker.exists(), (target, shape)


@pytest.mark.parametrize("target", mostly_slow(TARGETS, "os.system", "lightning.pytorch.loggers.csv_logs.os.system"))
def test_run_with_a_hostile_target_is_opened_in_vain(
    commands: Commands, run: Path, marker: Path, target: str, tmp_path: Path
) -> None:
    number = TARGETS.index(target)
    content = config_of(run)
    node = {"_target_": target, **payloads(marker)[target]}
    put(content, PLACES[number % len(PLACES)], list(SHAPES.values())[number % len(SHAPES)](node))
    with_config(run, content)
    before = contents(run)
    result = commands("train", f"resume={run}", cwd=tmp_path)
    assert refused_in_a_line(result)
    assert f"'{target}' is not allowed" in result.errors or "is not the configuration of a run" in result.errors
    result = commands("evaluate", f"run={run}", "images=60", f"paths.outputs={tmp_path}/outputs", cwd=tmp_path)
    assert refused_in_a_line(result) or result.code == 0, "what evaluate.py leaves out may be what it wants"
    assert contents(run) == before or result.code == 0
    assert not marker.exists()


@pytest.mark.parametrize(
    ("script", "words"), [("compare", "{run}"), ("generate", "run={run}"), ("export", "run={run}")]
)
def test_who_only_reads_a_run_builds_nothing_of_its_configuration(
    commands: Commands, run: Path, marker: Path, script: str, words: str, tmp_path: Path
) -> None:
    content = config_of(run)
    for place, (target, arguments) in zip(PLACES, payloads(marker).items(), strict=False):
        put(content, place, {"_target_": target, **arguments})
    with_config(run, content)
    (run / "status.json").write_text('{"state": "finished"}')
    result = commands(script, words.format(run=run), "--output=x" if script == "compare" else "output=x", cwd=tmp_path)
    assert (result.code, result.errors) == (0, "")
    assert not marker.exists()


TOUCH = "{_target_: pathlib.Path.touch, _args_: [{_target_: pathlib.Path, _args_: [MARKER]}]}"
"""A mapping that bites, for where a reference makes one."""
BITING_WORD = f"optimizer.generator.betas=['${{oc.create:{TOUCH}}}',0.9]"
REFERENCES = {
    "resolver": {"optimizer.generator.betas": f"${{oc.create:{TOUCH}}}"},
    "resolver in a list": {"optimizer.generator.betas": [f"${{oc.create:{TOUCH}}}", 0.9]},
    "resolver in a mapping in a list": {"callbacks.x": [{"y": [f"${{oc.create:{TOUCH}}}"]}]},
    "resolver with a nested name": {"kind": "create", "optimizer.generator.betas": f"${{oc.${{kind}}:{TOUCH}}}"},
    "resolver with spaces": {"optimizer.generator.betas": f"${{ oc.create : {TOUCH} }}"},
    "resolver made of pieces": {"dollar": "$", "optimizer.generator.betas": f"${{dollar}}{{oc.create:{TOUCH}}}"},
    "resolver made of pieces behind": {"brace": f"{{oc.create:{TOUCH}}}", "optimizer.generator.betas": "$${brace}"},
    "escaped resolver": {"optimizer.generator.betas": f"\\${{oc.create:{TOUCH}}}"},
    "nested reference": {"x": {"10": "os.system"}, "data.flip": {"_target_": "${x.${data.num_classes}}"}},
    "environment": {"data.path": "${oc.env:HOME}"},
    "environment, decoded": {"seed": "${oc.decode:${oc.env:HOME}}"},
    "hydra": {"data.path": "${hydra:runtime.cwd}"},
    "time": {"data.path": "${now:%Y}"},
    "itself": {"seed": "${seed}"},
    "each other": {"log_every": "${save_every}", "save_every": "${log_every}"},
    "its own parent": {"model.generator": "${model}"},
    "billions": {f"a{n}": f"${{a{n + 1}}}${{a{n + 1}}}" for n in range(40)} | {"a40": "ha", "seed": "${a0}"},
    "billions in lists": {f"a{n}": [f"${{a{n + 1}}}"] * 9 for n in range(20)} | {"a20": "ha", "data.flip": "${a0}"},
    "billions in mappings": {f"a{n}": {"x": f"${{a{n + 1}}}", "y": f"${{a{n + 1}}}"} for n in range(40)} | {"a40": 1},
}


def with_references(run: Path, case: str, marker: Path) -> None:
    content = config_of(run)
    for place, value in json.loads(json.dumps(REFERENCES[case]).replace("MARKER", str(marker))).items():
        put(content, place, value)
    with_config(run, content)


@pytest.mark.parametrize("case", REFERENCES)
def test_references_lead_nowhere_outside_and_to_an_end(run: Path, marker: Path, case: str) -> None:
    with_references(run, case, marker)
    with pytest.raises(ValueError, match=r"config\.yaml is refused: "):
        stored_config(run)


@pytest.mark.parametrize("case", mostly_slow(REFERENCES, "resolver made of pieces", "billions"))
def test_run_with_hostile_references_is_opened_in_vain(
    commands: Commands, run: Path, marker: Path, case: str, tmp_path: Path
) -> None:
    with_references(run, case, marker)
    before = contents(run)
    for script, words in (("train", [f"resume={run}"]), ("evaluate", [f"run={run}", "images=60"])):
        result = commands(script, *words, cwd=tmp_path, seconds=20)
        assert refused_in_a_line(result), result
        assert contents(run) == before
        assert not marker.exists()


def test_mapping_that_a_resolver_makes_bites_where_nothing_stops_it(marker: Path) -> None:
    hostile = f"${{oc.create:{TOUCH.replace('MARKER', str(marker))}}}"
    instantiate(OmegaConf.create({"_target_": "builtins.dict", "x": hostile}))
    assert marker.exists()


@pytest.mark.parametrize("case", [case for case in REFERENCES if "resolver" in case])
def test_references_of_pieces_do_not_bite_even_where_a_configuration_is_trusted(
    whole: Path, marker: Path, case: str
) -> None:
    """As in a command line of one's own."""
    content = config_of(whole)
    for place, value in json.loads(json.dumps(REFERENCES[case]).replace("MARKER", str(marker))).items():
        put(content, place, value)
    with pytest.raises((ValueError, OmegaConfBaseException)):
        build(OmegaConf.create(content))
    assert not marker.exists()


BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]\n" for before, name in pairwise("abcdefghij")
)
YAML = {
    "python object": "!!python/object/apply:os.system ['touch MARKER']",
    "python object inside": "images: 5\ndata: !!python/object/apply:os.system ['touch MARKER']",
    "python object, new": "!!python/object/new:os.system ['touch MARKER']",
    "python name": "data: !!python/name:os.system",
    "python module": "data: !!python/module:this",
    "aliases": BOMB,
    "merged alias": "a: &a {x: 1}\nb:\n  <<: *a\n",
    "alias of itself": "a: &a [*a]",
    "depth": "a: " + "[" * 9_000 + "]" * 9_000,
    "depth in blocks": "".join(f"{' ' * n}a:\n" for n in range(400)),
    "length": "a: 1\n" * 40_000,
    "long number": "images: " + "9" * 90_000,
    "sexagesimal": "images: 1" + ":59" * 30_000,
    "binary": "\0\0\0",
    "tabs": "a:\n\t- b",
    "a list": "[1, 2]",
    "nothing": "",
    "keys that are no words": "{[1, 2]: 3, null: 4, 5: 6, 2001-01-01: 7}",
    "a set": "data: !!set {a, b}",
    "duplicate of a needed part": "data: 1\nimages: 5",
}


@pytest.mark.parametrize("case", YAML)
def test_hostile_yaml_is_refused_in_no_time(run: Path, marker: Path, case: str) -> None:
    began = time.process_time()
    for file, read in (("config", stored_config), ("overrides", stored_words)):
        (run / ".hydra" / f"{file}.yaml").write_text(YAML[case].replace("MARKER", str(marker)))
        with pytest.raises(ValueError, match=f"{file}.yaml (cannot be read|is )"):
            read(run)
    assert time.process_time() - began < 5
    assert not marker.exists()


@pytest.mark.parametrize("case", mostly_slow(YAML, "python object inside", "aliases"))
@pytest.mark.parametrize("file", ["config", "overrides"])
def test_run_with_hostile_yaml_is_opened_in_vain(
    commands: Commands, run: Path, marker: Path, file: str, case: str, tmp_path: Path
) -> None:
    (run / ".hydra" / f"{file}.yaml").write_text(YAML[case].replace("MARKER", str(marker)))
    before = contents(run)
    result = commands("train", f"resume={run}", cwd=tmp_path, seconds=20)
    assert refused_in_a_line(result), result
    assert contents(run) == before
    if file == "config":
        result = commands("evaluate", f"run={run}", cwd=tmp_path, seconds=20)
        assert refused_in_a_line(result), result
        (run / "status.json").write_text("{}")
        result = commands("compare", str(run), cwd=tmp_path, seconds=20)
        assert refused_in_a_line(result) or (result.code, result.errors) == (0, ""), result
    assert not marker.exists()


PATH = "{_target_:pathlib.Path,_args_:['MARKER']}"
TO_HYDRA = (
    f"+hydra.callbacks.x={{_target_:pathlib.Path.touch,self:{PATH}}}",
    f"++hydra.callbacks.x={{_target_:pathlib.Path.touch,self:{PATH}}}",
    "hydra.callbacks.ranking._target_=os.system",
    "+hydra.job.env_set.PYTHONSTARTUP=MARKER",
    "hydra/launcher=../../evil",
    "+hydra/launcher=submitit_slurm",
    "hydra.searchpath=[file:///evil]",
    "hydra.run.dir=MARKER",
    "hydra.sweep.dir=MARKER",
    "callbacks@hydra.callbacks=default",
    "+callbacks@_global_.hydra.callbacks=default",
    "~hydra.sweep.dir",
)
"""What is left out of a stranger's words; the first two make a file where it is not."""
REFUSED = (
    "--config-dir=MARKER",
    "--config-path=MARKER",
    "--config-name=evil",
    "-m",
    "--multirun",
    "--package=hydra",
    "experiment=../../evil",
    "loss=[hinge,../../evil]",
    "+../../evil=x",
    "model='../../evil'",
    "seed=${oc.decode:${oc.env:HOME}}",
    "data.root=${hydra:runtime.cwd}",
    "images",
    "=5",
    "\x1b[2J",
    "",
)
UNTRUSTED = (
    BITING_WORD,
    "logger.tensorboard._target_=os.system",
    f"+callbacks.x={{_target_:pathlib.Path.touch,self:{PATH}}}",
    "+logger.x={_target_:lightning.pytorch.loggers.csv_logs.os.system,command:'touch MARKER'}",
)


def test_first_words_to_hydra_bite_where_nothing_stops_them(commands: Commands, marker: Path, tmp_path: Path) -> None:
    for word in TO_HYDRA[:2]:
        words = [word.replace("MARKER", str(marker)), "seed=abc", f"paths.outputs={tmp_path}/outputs"]
        commands("train", "-m", *words, cwd=tmp_path)
        assert marker.exists(), word
        marker.unlink()


@pytest.mark.parametrize("word", TO_HYDRA)
def test_words_to_hydra_are_left_out_of_what_a_run_says(run: Path, marker: Path, word: str, tmp_path: Path) -> None:
    hostile = word.replace("MARKER", str(marker))
    (run / ".hydra" / "overrides.yaml").write_text(yaml.dump(["seed=1", hostile]))
    assert stored_words(run) == ["seed=1"]
    (tmp_path / "sweep.json").write_text(json.dumps({"words": ["seed=1", hostile]}))
    assert sweep_words(tmp_path, [])[:-2] == ["seed=1"]


@pytest.mark.parametrize("word", mostly_slow(TO_HYDRA, *TO_HYDRA[:2]))
def test_a_sweep_goes_on_without_the_words_to_hydra(
    commands: Commands, whole: Path, marker: Path, word: str, tmp_path: Path
) -> None:
    sweep = tmp_path / "sweep"
    shutil.copytree(whole, sweep / "0")
    words = [word.replace("MARKER", str(marker)), *SHORT]
    (sweep / "sweep.json").write_text(json.dumps({"words": words}))
    result = commands("train", f"resume={sweep}", f"paths.outputs={tmp_path}/outputs", cwd=tmp_path)
    assert (result.code, result.errors) == (0, "")
    assert not marker.exists()


def say(run: Path, sweep: Path, word: str, marker: Path) -> None:
    """Make a run and a new sweep of a word."""
    words = [*SHORT, word.replace("MARKER", str(marker))]
    sweep.mkdir()
    (sweep / "sweep.json").write_text(json.dumps({"words": words}))
    (run / ".hydra" / "overrides.yaml").write_text(yaml.dump(words))


@pytest.mark.parametrize("word", mostly_slow(REFUSED, "--config-dir=MARKER", "experiment=../../evil"))
def test_words_of_a_stranger_are_refused(
    commands: Commands, run: Path, marker: Path, word: str, tmp_path: Path
) -> None:
    sweep = tmp_path / "sweep"
    say(run, sweep, word, marker)
    before = contents(run)
    for folder, more in ((run, ["images=1280"]), (sweep, [])):
        result = commands("train", f"resume={folder}", *more, f"paths.outputs={tmp_path}/outputs", cwd=tmp_path)
        assert refused_in_a_line(result), result
        assert contents(run) == before
        assert list(contents(sweep)) == ["sweep.json"]
        assert not marker.exists()


@pytest.mark.parametrize("word", mostly_slow(UNTRUSTED, BITING_WORD))
def test_targets_in_the_words_of_a_stranger_are_not_built(
    commands: Commands, run: Path, marker: Path, word: str, tmp_path: Path
) -> None:
    """The words of a run are not what is built, but those of a sweep are."""
    sweep = tmp_path / "sweep"
    say(run, sweep, word, marker)
    assert commands("train", f"resume={run}", "seed=0", cwd=tmp_path).code == 0
    result = commands("train", f"resume={sweep}", f"paths.outputs={tmp_path}/outputs", cwd=tmp_path)
    assert result.code in (1, 2)
    assert re.match(r"error: .* asks for something outside|job 0 failed: .* is not allowed", result.errors)
    assert not marker.exists()


SWEEPS = {
    "text": '{"words": "seed=1"}',
    "numbers": '{"words": [1]}',
    "null": '{"words": null}',
    "list": "[]",
    "nothing": "",
    "depth": "[" * 100_000,
    "no UTF-8": "\udcff",
}


@pytest.mark.parametrize("case", SWEEPS)
def test_sweep_that_says_nonsense_is_refused(tmp_path: Path, case: str) -> None:
    (tmp_path / "sweep.json").write_bytes(SWEEPS[case].encode(errors="surrogateescape"))
    with pytest.raises(ValueError, match="does not say how the sweep was started"):
        sweep_words(tmp_path, [])


LINKS: dict[str, Callable[[Path], None]] = {
    "link": lambda path: path.symlink_to("../secret"),
    "link to a folder": lambda path: path.symlink_to(".."),
    "pipe": lambda path: os.mkfifo(path),
    "broken link": lambda path: path.symlink_to("nowhere"),
}
LINKED = ("metrics.jsonl", "status.json", ".lock", "checkpoints/next.ckpt", ".hydra/overrides.yaml", "rollbacks.jsonl")


@pytest.mark.parametrize("place", mostly_slow(LINKED, "metrics.jsonl", ".lock"))
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


def plan(folder: Path, **changes: Any) -> None:
    settings = {"trials": 1, "jobs": 1, "seed": 0, "pruner": "none", "prune_after_trials": 2, "prune_after_images": 0}
    words = [*SHORT, "seed=range(1,3)"]
    told = {"words": words, "default_space": [], "monitor": "fid_classifier", "mode": "min", "directory": str(folder)}
    (folder / "search.json").write_text(json.dumps(told | {"settings": settings} | changes))


PLANS: dict[str, dict[str, Any]] = {
    "to hydra": {"words": ["+hydra.callbacks.x._target_=os.system", "seed=1,2"]},
    "group of hydra": {"words": ["hydra/launcher=../../evil", "seed=1,2"]},
    "flag": {"words": ["--config-dir=MARKER", "seed=1,2"]},
    "text": {"words": "seed=1,2"},
    "numbers": {"words": [1, 2]},
    "no settings": {"settings": {}},
    "unknown part": {"evil": 1},
    "huge": {"words": ["seed=range(0,9" + "9" * 400 + ")"]},
    "directory": {"directory": "/nowhere"},
}


@pytest.mark.parametrize("case", PLANS)
def test_hostile_plan_of_a_search_is_refused(commands: Commands, marker: Path, case: str, tmp_path: Path) -> None:
    plan(tmp_path, **PLANS[case])
    result = commands("search", f"resume={tmp_path}", cwd=tmp_path, seconds=20)
    assert result.code == 2, result
    assert len(result.errors.splitlines()) == 1
    assert not marker.exists()


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["configuration", "checkpoint", "words"])
def test_hostile_trial_of_a_search_fails(
    commands: Commands, run: Path, marker: Path, kind: str, tmp_path: Path
) -> None:
    """A trial is a process of its own, which may be started twice."""
    folder = tmp_path / "search"
    trial = folder / "trials" / "0"
    shutil.copytree(run, trial)
    plan(folder)
    if kind == "configuration":
        content = config_of(run)
        put(content, "callbacks.x", {"_target_": "os.system", **payloads(marker)["os.system"]})
        with_config(trial, content)
    elif kind == "checkpoint":
        with_checkpoint(trial, "in callbacks", marker)
    else:
        shutil.rmtree(trial)
        plan(folder, words=[*SHORT, "seed=range(1,3)", BITING_WORD.replace("MARKER", str(marker))])
    distributions = {"seed": IntDistribution(1, 2)}
    study = create_study(storage=f"sqlite:///{folder}/search.db", study_name="search")
    study.add_trial(create_trial(state=TrialState.RUNNING, params={"seed": 1}, distributions=distributions))
    result = commands("search", f"resume={folder}", cwd=tmp_path, seconds=120)
    assert result.code != 0
    assert "Traceback" not in result.errors
    assert "trial 0 failed" in result.output
    assert not marker.exists()
