"""Nothing that a stranger's configuration names outside of the trusted packages is ever imported or called."""

import copy
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from omegaconf import OmegaConf

from ganforge.configuration.build import build

from .commands import Commands
from .conftest import contents, mostly_slow, refused_in_a_line
from .hostile import armed, config_of, payloads, put, with_config

TARGETS = list(payloads(Path("marker")))
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

    for target, arguments in armed(marker).items():
        built({"_target_": target, **arguments})
        assert marker.exists(), target
        marker.unlink()


@pytest.mark.parametrize("place", mostly_slow(PLACES, *PLACES[::3]))
def test_no_target_outside_of_the_trusted_packages_is_built(whole: Path, marker: Path, place: str) -> None:
    plain = config_of(whole)
    for number, (target, arguments) in enumerate(armed(marker).items(), PLACES.index(place)):
        shape = list(SHAPES)[number % len(SHAPES)]
        content, hostile = copy.deepcopy(plain), SHAPES[shape]({"_target_": target, **arguments})
        put(content, "elsewhere" if number % 3 == 0 else place, hostile)
        if number % 3 == 0:
            put(content, place, "${elsewhere}")
        with pytest.raises(ValueError, match=f"'{target}' is not allowed"):
            build(OmegaConf.create(content))
        assert not marker.exists(), (target, shape)


@pytest.mark.parametrize("target", mostly_slow(TARGETS, "os.system"))
def test_run_with_a_hostile_target_is_opened_in_vain(
    commands: Commands, run: Path, marker: Path, target: str, tmp_path: Path
) -> None:
    number = TARGETS.index(target)
    content = config_of(run)
    node = {"_target_": target, **armed(marker)[target]}
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
    for place, (target, arguments) in zip(PLACES, armed(marker).items(), strict=False):
        put(content, place, {"_target_": target, **arguments})
    with_config(run, content)
    (run / "status.json").write_text('{"state": "finished"}')
    result = commands(script, words.format(run=run), "--output=x" if script == "compare" else "output=x", cwd=tmp_path)
    assert (result.code, result.errors) == (0, "")
    assert not marker.exists()
