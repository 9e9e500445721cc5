"""The arrows between the parts of the house; docs/architecture.md draws them."""

import ast
from pathlib import Path

import pytest

from .conftest import ROOT

SOURCE = ROOT / "src"
EVERYONE = {"faults", "interfaces", "randomness", "suggestions"}
ALLOWED = {
    "interfaces": set(),
    "randomness": set(),
    "suggestions": set(),
    "faults": set(),
    "processes": set(),
    "signals": {"processes"},
    "start": {"processes", "signals"},
    "parallel": {"job", "processes", "signals"},
    "references": set(),
    "layers": set(),
    "networks": {"layers"},
    "losses": set(),
    "regularizers": set(),
    "data": {"artifacts"},
    "metrics": set(),
    "artifacts": set(),
    "systems": {"losses", "regularizers"},
    "evaluation": {"systems", "data", "metrics", "artifacts"},
    "callbacks": {"artifacts", "data", "evaluation", "metrics", "signals", "systems", "terminal"},
    "trust": set(),
    "arguments": {"trust"},
    "build": {"arguments", "artifacts", "data", "metrics", "references", "signals", "systems", "trust"},
    "comparison": {"artifacts"},
    "compare": {"comparison", "signals", "start", "terminal"},
    "words": set(),
    "overrides": {"words"},
    "stored": {"artifacts", "references", "words"},
    "terminal": set(),
    "claim": set(),
    "command": {"overrides", "signals", "stored", "terminal", "words"},
    "job": {"artifacts", "claim", "command", "signals", "stored", "words"},
    "same_run": {"artifacts"},
    "ranking": {"artifacts", "command", "terminal"},
    "resume": {"artifacts", "command", "job", "overrides", "references", "same_run", "stored", "words"},
    "run": {
        "artifacts",
        "build",
        "callbacks",
        "command",
        "job",
        "ranking",
        "references",
        "same_run",
        "stored",
        "terminal",
    },
    "stamps": {"artifacts", "comparison"},
    "weights": {"artifacts", "build", "pretrained", "run", "systems"},
    "fakes": {"artifacts", "data", "metrics"},
    "rescoring": {
        "arguments",
        "artifacts",
        "build",
        "command",
        "comparison",
        "data",
        "evaluation",
        "fakes",
        "run",
        "stamps",
        "stored",
        "trust",
        "weights",
    },
    "evaluate": {"command", "rescoring", "start"},
    "search": {
        "artifacts",
        "claim",
        "command",
        "overrides",
        "processes",
        "ranking",
        "start",
        "stored",
        "terminal",
        "words",
    },
    "pretrained": {"systems"},
    "interpolation": set(),
    "projection": {"pretrained"},
    "generation": {"artifacts", "interpolation", "pretrained", "projection"},
    "generate": {"command", "generation", "start"},
    "model_card": {"pretrained"},
    "exporting": {"artifacts", "model_card", "pretrained"},
    "export": {"command", "exporting", "start"},
    "train": {"command", "job", "resume", "run", "start", "terminal"},
}
FILES = sorted(path for path in SOURCE.rglob("*.py") if path.name != "__init__.py")


def part(module: str) -> str:
    """`losses` for ganforge.losses.game, `train` for train."""
    return [*module.split("."), ""][1] if module.startswith("ganforge") else module.split(".")[0]


def imports(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} has a relative import"
            found |= (
                {f"{node.module}.{a.name}" for a in node.names} if node.module == "ganforge" else {node.module or ""}
            )
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return {module for module in found if module.startswith("ganforge")}


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_imports_follow_the_arrows(path: Path) -> None:
    own = part(".".join(path.relative_to(SOURCE).with_suffix("").parts))
    for module in imports(path):
        target = part(module)
        assert target == own or target in EVERYONE | ALLOWED[own], f"{own} must not import {module}"


def test_packages_have_empty_init_files() -> None:
    packages = [path for path in (SOURCE / "ganforge").rglob("*") if path.is_dir() and any(path.glob("*.py"))]
    assert packages
    for package in packages:
        assert (package / "__init__.py").read_text() == ""


def test_there_is_no_circle() -> None:
    graph = {".".join(path.relative_to(SOURCE).with_suffix("").parts): imports(path) for path in FILES}

    def reachable(module: str, seen: set[str]) -> set[str]:
        for target in graph.get(module, set()) - seen:
            seen.add(target)
            reachable(target, seen)
        return seen

    assert [module for module in graph if module in reachable(module, set())] == []


def test_every_module_and_public_class_or_function_of_the_mathematics_says_what_it_is() -> None:
    for folder in ("losses", "regularizers", "metrics", "networks"):
        for path in (SOURCE / "ganforge" / folder).glob("[!_]*.py"):
            tree = ast.parse(path.read_text())
            assert ast.get_docstring(tree), path
