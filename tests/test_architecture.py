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
    {"codec", "errors", "files", "memory", "specs", "progress", "outputs", "parallel", "plugins"}
    | {"free_memory", "locks", "printable", "recipe", "strict_json", "temporary", "version"},
    {"numerics", "reporting", "search"},
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
    "msgspec": {"codec", "reporting"},
    "markupsafe": {"reporting"},
}
NUMBERS = {"algorithms", "numerics", "observers", "search"}
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


def _inner_imports(path: Path) -> Iterator[tuple[str, str, bool]]:
    """Yield what is imported of qconv: the unit, the line as it reads, and if for types alone."""
    for module, names, typing in _imports(path):
        if module == "qconv":
            assert names, f"{_name(path)} imports the root, which stands above all floors"
            yield from ((name, f"qconv.{name}", typing) for name in names)
        elif module.startswith("qconv."):
            yield module.split(".")[1], module, typing


INNER = [path for path in FILES if _name(path) not in ENTRIES]


@pytest.mark.parametrize("path", INNER, ids=_name)
def test_arrows_point_down(path: Path) -> None:
    mine = _unit(path)
    assert mine in FLOOR, f"{mine} has no floor in this test"
    for unit, module, _ in _inner_imports(path):
        assert unit in FLOOR, f"{_name(path)} imports {module}, which has no floor"
        assert unit == mine or FLOOR[unit] <= FLOOR[mine], f"{_name(path)} imports {module}"


def test_packages_do_not_import_each_other_in_a_circle() -> None:
    arrows: dict[str, set[str]] = {}
    for path in INNER:
        for unit, _, typing in _inner_imports(path):
            if unit != _unit(path) and not typing:
                arrows.setdefault(_unit(path), set()).add(unit)

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
    assert "onnx_ir" not in {module.split(".")[0] for module, _, _ in _imports(path)}
    for unit, module, _ in _inner_imports(path):
        assert FLOOR[unit] == 0 or unit in NUMBERS, f"{_name(path)} imports {module}"


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


SHARED_NAMES = 8
"""So many file names may occur in several folders."""


def test_file_names_tell_files_apart() -> None:
    folders: dict[str, list[Path]] = {}
    for path in FILES:
        if not path.name.startswith("__"):
            folders.setdefault(path.name, []).append(path.parent)
    shared = {name: homes for name, homes in folders.items() if len(homes) > 1}
    assert len(shared) <= SHARED_NAMES, sorted(shared)
    for name, homes in shared.items():
        for inner in homes:
            assert not set(homes) & set(inner.parents), (
                f"{name} is in {inner} and in a parent of it"
            )


PARAMETERS = 8
POSITIONALS = 5
MANY_PARAMETERS = {
    *("evaluation/whole_report.py report", "cli/report.py report", "cli/compare.py compare"),
    *("pipeline/calibration.py calibrate", "pipeline/conversion.py convert"),
    *("pipeline/comparison.py report", "cli/tune.py tune", "pipeline/tuning.py tune"),
    "cli/gate.py gate",
}
"""What users call, whose parameters are all named."""


@pytest.mark.parametrize("path", FILES, ids=_name)
def test_parameters_are_few(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        own = node.args
        arguments = [*own.posonlyargs, *own.args, *own.kwonlyargs, own.vararg, own.kwarg]
        names = [each.arg for each in arguments if each and each.arg not in ("self", "cls")]
        if f"{path.relative_to(PACKAGE).as_posix()} {node.name}" not in MANY_PARAMETERS:
            assert len(names) <= PARAMETERS, f"{_name(path)}: {node.name}: {names}"


@pytest.mark.parametrize("path", FILES, ids=_name)
def test_calls_name_their_arguments(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            count = sum(_positionals(argument) for argument in node.args)
            assert count <= POSITIONALS, f"{_name(path)}:{node.lineno}: {count} positionals"


def _positionals(argument: ast.expr) -> int:
    """Count what a call passes; a starred tuple that is written out counts as what it holds."""
    if isinstance(argument, ast.Starred) and isinstance(argument.value, ast.Tuple | ast.List):
        return sum(_positionals(element) for element in argument.value.elts)
    return 1


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
    declared |= {"threadpoolctl", "jinja2", "markupsafe", "msgspec", "tokenizers"}
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
