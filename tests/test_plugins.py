"""What an installed package adds: the example is installed into a folder, and used by name."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from importlib import metadata
from importlib.metadata import EntryPoint
from pathlib import Path

import numpy as np
import onnx
import pytest

import qconv
from qconv import plugins
from qconv.errors import UnsupportedError, UsageError
from qconv.observers import estimators
from tests.model_helpers import data, parse, random_feeds, save

ROOT = Path(__file__).parents[1]
TEXT = """(float[N,64] x) => (float[N,8] y) <float[64,32] w, float[32,8] v> {
  a = MatMul(x, w) r = Relu(a) y = MatMul(r, v) }"""


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that the example is installed in."""
    folder = tmp_path_factory.mktemp("installed")
    install = ["-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run(
        [sys.executable, *install, "--target", str(folder), str(ROOT / "examples/additions")],
        check=True,
    )
    return folder


@pytest.fixture
def model(tmp_path: Path) -> Path:
    proto = parse(TEXT)
    rows = np.concatenate([feeds["x"] for feeds in random_feeds(proto, count=20)])
    lines = ["x", *(",".join(map(str, row)) for row in rows)]
    (tmp_path / "table.csv").write_text("\n".join(lines))
    np.savez(tmp_path / "table.npz", x=rows)
    return save(proto, tmp_path)


@pytest.fixture
def with_additions(installed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(installed))


@pytest.mark.usefixtures("with_additions")
def test_an_example_adds_to_all_groups(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(model.parent)
    assert plugins.added_names("estimator") == ["six_sigma"]
    made = qconv.convert(
        model, data="csv_rows:table.csv", method="six_sigma", target="ort-cpu-signed"
    )
    assert made.note == "ranges by six_sigma"
    plan = qconv.plan(model, target="ort-cpu-signed")
    assert {value.scheme.dtype.name for value in plan.values.values()} == {"int8"}  # type: ignore[attr-defined]
    types = {tensor.data_type for tensor in onnx.load(made.path).graph.initializer}
    assert onnx.TensorProto.UINT8 not in types
    report = qconv.report(
        model,
        [made.path],
        data="csv_rows:table.csv",
        metrics=["largest_error"],
        fail_if=["largest_error > 1e9", "sqnr_db < 15"],
        latency=False,
    )
    assert report.data.samples == 40
    assert 0 < report.variants[0].metrics["largest_error"] < 10
    assert report.exit_code == 0


@pytest.mark.usefixtures("with_additions")
def test_a_recipe_names_them_and_moves_the_file(model: Path, tmp_path: Path) -> None:
    recipe = tmp_path / "qconv.toml"
    recipe.write_text(
        'model = "model.onnx"\ndata = "csv_rows:table.csv"\ntest-data = "csv_rows:table.csv"\n'
        'metric = "largest_error"\noutput = "out"\nmethod = "six_sigma"\nlatency = false\n'
    )
    assert model.exists()
    (report,) = qconv.run(recipe)
    assert report.data.calibrated == 40


def test_names_that_nothing_adds(model: Path) -> None:
    table = str(model.with_name("table.npz"))
    with pytest.raises(UsageError) as caught:
        qconv.Int8Settings(method="six_sigma")
    assert str(caught.value) == (
        "`method` is 'six_sigma'; it must be auto, minmax, clip, percentile, entropy, mse, layers, "
        "or an estimator that an installed package adds"
    )
    with pytest.raises(UsageError) as caught:
        qconv.Int8Settings(method="minmaxx")
    assert caught.value.hint == "did you mean minmax?"
    with pytest.raises(UsageError, match="unknown target 'ort-cpu-signed'"):
        qconv.plan(model, target="ort-cpu-signed")
    with pytest.raises(UsageError, match="the metric 'largest_error' is not of the form"):
        qconv.report(model, [model], data=table, metrics=["largest_error"])


def point(name: str, value: str, group: str) -> EntryPoint:
    return EntryPoint(name, value, group)


@pytest.fixture
def add(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Let entry points be there; what they name is found in this module."""

    def add(what: plugins.Addition, **points: str) -> None:
        group = plugins.GROUPS[what]
        found = [point(name, value, group) for name, value in points.items()]

        def listed(*, group: str) -> list[EntryPoint]:
            return [each for each in found if each.group == group]

        monkeypatch.setattr(metadata, "entry_points", listed)

    return add


def fails(*_: object) -> object:
    raise ZeroDivisionError("oh\x1b")


def lopsided(*_: object) -> tuple[float, float]:
    return 1.0, 2.0


def test_additions_that_do_not_work(model: Path, add: Callable[..., None]) -> None:
    feeds = data(random_feeds(parse(TEXT), count=4))
    for function, told in (
        ("fails", r"the estimator 'mine' failed: ZeroDivisionError('oh\x1b')"),
        ("lopsided", "the estimator 'mine' gave [1, 2]; a range of finite numbers around zero is"),
        ("TEXT", "no installed package adds the estimator 'mine'"),
        ("nothing", "the estimator 'mine' of the package one without a name cannot be imported: "),
    ):
        add("estimator", mine=f"tests.test_plugins:{function}")
        with pytest.raises(UnsupportedError) as caught:
            qconv.convert(model, data=feeds, method="mine")
        assert str(caught.value).startswith(told)
    add("target", mine="tests.test_plugins:TEXT")
    with pytest.raises(UnsupportedError) as caught:
        qconv.plan(model, target="mine")
    assert str(caught.value) == (
        "the target 'mine' of an installed package is str, not a qconv.Target"
    )
    assert "mine" not in dir(estimators)


def test_a_name_that_two_packages_add(monkeypatch: pytest.MonkeyPatch) -> None:
    group = plugins.GROUPS["metric"]
    points = [point("f1", "one:f1", group), point("f1", "two:f1", group)]
    monkeypatch.setattr(metadata, "entry_points", lambda **_: points)
    with pytest.raises(UnsupportedError, match="several packages add the metric 'f1'"):
        plugins.added("metric", "f1")
