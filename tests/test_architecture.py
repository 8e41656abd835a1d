"""The design in docs/architecture.md, read off the imports."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "qconv"
FILES = sorted(PACKAGE.rglob("*.py"))

FLOORS = [
    {"codec", "errors", "files", "memory", "specs", "progress", "outputs", "parallel"}
    | {"free_memory", "locks", "printable", "recipe", "temporary"},
    {"numerics", "reporting"},
    {"graph"},
    {"data"},
    {"observers"},
    {"algorithms", "placement"},
    {"runtime", "rewrite"},
    {"calibration", "evaluation"},
    {"conversions"},
    {"pipeline"},
    {"cli"},
]
FLOOR = {name: floor for floor, names in enumerate(FLOORS) for name in names}
HOMES = {
    "onnx": {"graph"},
    "onnxruntime": {"runtime"},
    "click": {"cli"},
    "PIL": {"data"},
    "jinja2": {"reporting"},
    "matplotlib": {"reporting"},
}
NUMBERS = {"algorithms", "numerics", "observers"}
"""Packages that know arrays, and no graph."""

ENTRIES = {"qconv/__init__.py", "qconv/__main__.py"}


def _name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def _unit(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def _imports(path: Path) -> Iterator[tuple[str, tuple[str, ...], bool]]:
    """Yield each imported module, the names taken from it, and whether it is for types alone."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    typing = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If)
        and isinstance(node.test, ast.Name)
        and node.test.id == "TYPE_CHECKING"
        for statement in node.body
        for inner in ast.walk(statement)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, (), id(node) in typing
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{_name(path)}: relative import"
            yield node.module or "", tuple(alias.name for alias in node.names), id(node) in typing


INNER = [path for path in FILES if _name(path) not in ENTRIES]


@pytest.mark.parametrize("path", INNER, ids=_name)
def test_arrows_point_down(path: Path) -> None:
    mine = _unit(path)
    assert mine in FLOOR, f"{mine} has no floor in this test"
    for module, _, _ in _imports(path):
        parts = module.split(".")
        if parts[0] != "qconv" or len(parts) == 1 or parts[1] == mine:
            continue
        assert FLOOR[parts[1]] <= FLOOR[mine], f"{_name(path)} imports {module}, a floor above"


def test_packages_do_not_import_each_other_in_a_circle() -> None:
    arrows: dict[str, set[str]] = {}
    for path in INNER:
        for module, _, typing in _imports(path):
            parts = module.split(".")
            if parts[0] == "qconv" and len(parts) > 1 and parts[1] != _unit(path) and not typing:
                arrows.setdefault(_unit(path), set()).add(parts[1])

    def reach(unit: str, seen: set[str]) -> set[str]:
        for other in arrows.get(unit, set()) - seen:
            reach(other, seen | {other})
            seen |= reach(other, seen | {other})
        return seen

    for unit in arrows:
        assert unit not in reach(unit, set()), f"{unit} imports itself through others"


@pytest.mark.parametrize("path", INNER, ids=_name)
def test_each_library_has_its_home(path: Path) -> None:
    for module, _, typing in _imports(path):
        library = module.split(".")[0]
        if library in HOMES and not typing:
            assert _unit(path) in HOMES[library], f"{_name(path)} imports {library}"


@pytest.mark.parametrize("path", [path for path in INNER if _unit(path) in NUMBERS], ids=_name)
def test_numbers_know_no_graph(path: Path) -> None:
    for module, _, _ in _imports(path):
        parts = module.split(".")
        assert parts[0] != "onnx_ir", f"{_name(path)} imports {module}"
        if parts[0] == "qconv":
            ours = FLOOR[parts[1]] == 0 or parts[1] in NUMBERS
            assert ours, f"{_name(path)} imports {module}"


@pytest.mark.parametrize("path", FILES, ids=_name)
def test_private_names_stay_at_home(path: Path) -> None:
    for module, names, _ in _imports(path):
        if module.split(".")[0] != "qconv":
            continue
        private = [name for name in (*module.split("."), *names) if name.startswith("_")]
        assert all(name.startswith("__") for name in private), f"{_name(path)}: {private}"


@pytest.mark.parametrize("path", FILES, ids=_name)
def test_files_are_short(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 300


def test_what_operators_are_is_asked_of_the_table() -> None:
    """Only what rewrites one pattern names the operators in it: see graph/operators/."""
    compared = re.compile(r"op_type (==|!=|in|not in)")
    counts = {
        _name(path): len(compared.findall(path.read_text(encoding="utf-8"))) for path in FILES
    }
    found = {name: count for name, count in counts.items() if count}
    assert sum(found.values()) <= 60, found
    assert len(found) <= 15, found


def test_nothing_is_imported_that_the_project_does_not_declare() -> None:
    declared = {"click", "numpy", "onnx", "onnx_ir", "onnxruntime", "rich", "PIL", "ml_dtypes"}
    declared |= {"threadpoolctl", "jinja2", "markupsafe", "matplotlib"}
    standard = __import__("sys").stdlib_module_names
    for path in FILES:
        for module, _, _ in _imports(path):
            library = module.split(".")[0]
            known = library in declared or library in standard or library in ("qconv", "google")
            assert known, f"{_name(path)} imports {library}"


def test_the_counts_of_files_to_touch_are_those_of_the_files_named() -> None:
    """Each row of the table in docs/architecture.md names every file that it counts."""
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| an? ([\w ]+) \| (\d+) \| (.*) \|$", page, re.MULTILINE)
    names = ["target", "type of weights", "step", "option", "search over Plans"]
    assert [name for name, _, _ in rows] == names
    for name, count, files in rows:
        named = re.findall(r"`([\w/]+\.py)`", files)
        assert len(set(named)) == int(count), name
        assert all((PACKAGE / path).is_file() for path in named), name


def test_a_target_is_named_where_the_page_says() -> None:
    """Nothing but its table, the list of targets, and defaults of the public verbs knows one."""
    knowing = {_name(path) for path in FILES if "ORT_CPU" in path.read_text(encoding="utf-8")}
    placing = {name for name in knowing if name.startswith("qconv/placement/")}
    assert placing == {
        "qconv/placement/targets/ort_cpu.py",
        "qconv/placement/targets/known.py",
    }
    assert not any(name.startswith(("qconv/conversions/", "qconv/rewrite/")) for name in knowing)
