"""References and YAML of a stranger: nothing outside is asked for, and everything comes to an end."""

import json
import time
from itertools import pairwise
from pathlib import Path

import pytest
from hydra.utils import instantiate
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from ganforge.configuration.build import build
from ganforge.launch.stored import stored_config, stored_overrides

from .commands import Commands
from .conftest import contents, mostly_slow, refused_in_a_line
from .hostile import TOUCH, config_of, put, with_config

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


@pytest.mark.parametrize("case", mostly_slow(REFERENCES, "billions"))
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
    for file, read in (("config", stored_config), ("overrides", stored_overrides)):
        (run / ".hydra" / f"{file}.yaml").write_text(YAML[case].replace("MARKER", str(marker)))
        with pytest.raises(ValueError, match=f"{file}.yaml (cannot be read|is )"):
            read(run)
    assert time.process_time() - began < 5
    assert not marker.exists()


@pytest.mark.parametrize("case", mostly_slow(YAML, "python object inside"))
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
