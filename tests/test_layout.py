"""The arrows between the parts of the house; docs/architecture.md draws them."""

import ast
from pathlib import Path

import pytest

from .conftest import ROOT

SOURCE = ROOT / "src"
EVERYONE = {"compat", "faults", "interfaces", "precision", "randomness", "suggestions"}
ALLOWED = {
    "compat": set(),
    "faults": set(),
    "interfaces": set(),
    "precision": set(),
    "randomness": set(),
    "suggestions": set(),
    "process": set(),
    "augment": set(),
    "layers": set(),
    "networks": {"layers"},
    "losses": set(),
    "detection": {"losses"},
    "regularizers": set(),
    "sampling": set(),
    "systems": {"detection", "losses", "process", "regularizers", "sampling"},
    "artifacts": set(),
    "data": {"artifacts"},
    "metrics": set(),
    "configuration": {"artifacts", "data", "layers", "losses", "metrics", "process", "systems"},
    "pretrained": {"detection", "layers", "losses", "sampling"},
    "scoring": {"artifacts", "configuration", "data", "detection", "metrics", "pretrained", "process", "sampling"},
    "callbacks": {"artifacts", "data", "losses", "metrics", "process", "sampling", "scoring", "systems"},
    "inference": {"artifacts", "data", "detection", "metrics", "pretrained", "process", "sampling"},
    "comparison": {"artifacts"},
    "launch": {"artifacts", "callbacks", "configuration", "data", "detection", "process", "scoring", "systems"},
    "search": {"artifacts", "launch", "process"},
    "train": {"launch", "process"},
    "evaluate": {"launch", "process"},
    "generate": {"inference", "launch", "process"},
    "translate": {"inference", "launch", "process"},
    "classify": {"inference", "launch", "process"},
    "detect": {"inference", "launch", "process"},
    "export": {"inference", "launch", "process"},
    "compare": {"artifacts", "comparison", "process"},
}
PRIVATE = {"_signal", "_winapi", "_exit", "_replace"}
"""Python's own names that begin with an underscore and are documented, or that have no public counterpart."""
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


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_private_names_of_libraries_are_in_compat_alone(path: Path) -> None:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            found |= {*(node.module or "").split("."), *(alias.name for alias in node.names)}
        elif isinstance(node, ast.Import):
            found |= {part for alias in node.names for part in alias.name.split(".")}
        elif isinstance(node, ast.Attribute) and not (isinstance(node.value, ast.Name) and node.value.id == "self"):
            found.add(node.attr)
    private = {name for name in found if name.startswith("_") and not name.endswith("_")}
    assert path.parent.name == "compat" or private <= PRIVATE, f"{private} should be in compat/"


def test_packages_have_empty_init_files() -> None:
    """All but the one that users import."""
    packages = [path for path in (SOURCE / "ganforge").rglob("*") if path.is_dir() and any(path.glob("*.py"))]
    filled = {package.name for package in packages if (package / "__init__.py").read_text()}
    assert filled == {"pretrained"}


def test_there_is_no_circle() -> None:
    graph = {".".join(path.relative_to(SOURCE).with_suffix("").parts): imports(path) for path in FILES}

    def reachable(module: str, seen: set[str]) -> set[str]:
        for target in graph.get(module, set()) - seen:
            seen.add(target)
            reachable(target, seen)
        return seen

    assert [module for module in graph if module in reachable(module, set())] == []


def test_every_module_and_public_class_or_function_of_the_mathematics_says_what_it_is() -> None:
    for folder in ("augment", "losses", "regularizers", "metrics", "networks"):
        for path in (SOURCE / "ganforge" / folder).glob("[!_]*.py"):
            tree = ast.parse(path.read_text())
            assert ast.get_docstring(tree), path
