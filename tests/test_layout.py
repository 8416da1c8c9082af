"""The house rules, enforced: imports go down the storeys only, files stay readable."""

import ast
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

HOUSE = Path(__file__).resolve().parent.parent / "cartsim"
STOREYS = {
    "errors": 0, "version": 0, "units": 0.5, "kernels": 1, "spec": 2, "models": 3, "regimen": 4, "observe": 4,
    "data": 5, "solve": 5.5, "simulate": 6, "endpoints": 7, "infer": 7, "clones": 7, "cohort": 8, "report": 9,
    "study": 9.5, "interop": 9.7, "explore": 9.8, "cli": 10,
}  # fmt: skip
FILES = sorted(path for path in HOUSE.rglob("*.py") if path != HOUSE / "__init__.py")
READABLE_LINES = 400


def module_name(path: Path) -> str:
    parts = path.relative_to(HOUSE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_name(path): path for path in FILES}


def nodes(tree: ast.AST, *, running: bool) -> Iterator[ast.AST]:
    """Every node; only what runs when asked (not what type checkers alone read)."""
    for node in ast.iter_child_nodes(tree):
        if running and isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            continue
        yield node
        yield from nodes(node, running=running)


def imported_modules(path: Path, *, running: bool = False) -> set[str]:
    """Modules of cartsim that a file imports anywhere in it, lazy imports inside functions included."""
    found = set()
    for node in nodes(ast.parse(path.read_text(encoding="utf-8")), running=running):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name}:{node.lineno} imports relatively; write the full name"
            inner = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= {name if name in MODULES else node.module for name in inner}
    return {name for name in found if name.split(".")[0] == "cartsim"}


def unit_of(module: str) -> str:
    """The folder or single file directly below the root that a module belongs to."""
    return module.split(".")[1]


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(HOUSE)))
def test_a_file_imports_only_from_its_own_folder_and_from_below(path: Path) -> None:
    here = unit_of(module_name(path))
    for name in imported_modules(path):
        assert name != "cartsim", "nothing inside imports the package root; the version is in cartsim.version"
        there = unit_of(name)
        assert there == here or STOREYS[there] < STOREYS[here], f"{here} may not import {name}"


def test_no_two_files_import_each_other_in_a_circle() -> None:
    graph = {name: imported_modules(path, running=True) - {name} for name, path in MODULES.items()}
    TopologicalSorter(graph).prepare()  # raises CycleError naming the circle


def test_every_folder_and_file_has_its_storey() -> None:
    assert {unit_of(name) for name in MODULES} <= set(STOREYS)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(HOUSE)))
def test_a_file_can_be_read_in_one_sitting(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= READABLE_LINES


def test_only_the_report_draws() -> None:
    drawing = {
        unit_of(name)
        for name, path in MODULES.items()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for target in ([node.module] if isinstance(node, ast.ImportFrom) else [a.name for a in node.names])
        if target and target.split(".")[0] == "matplotlib"
    }
    assert drawing <= {"report"}
