import ast
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import qconv
from qconv.errors import NothingQuantized, UsageError
from tests.model_helpers import data, parse, random_feeds, save

TEXT = """(float[N,16] x) => (float[N,4] y) <float[16,8] w, float[8] b, float[8,4] v> {
  h = MatMul(x, w) s = Add(h, b) r = Relu(s) y = MatMul(r, v) }"""
NAMES = [
    "INT4",
    "INT7",
    "INT8",
    "INT16",
    "UINT8",
    "DynamicSettings",
    "Float32Settings",
    "Goal",
    "HalfSettings",
    "Int8Settings",
    "PerAxis",
    "PerBlock",
    "PerTensor",
    "Scheme",
    "Target",
    "WeightOnlySettings",
    "__version__",
    "calibrate",
    "compare",
    "convert",
    "inspect",
    "plan",
    "report",
    "report_schema",
    "run",
    "sensitivities",
    "tune",
]


@pytest.fixture
def model(tmp_path: Path) -> Path:
    proto = parse(TEXT)
    rows = np.concatenate([feeds["x"] for feeds in random_feeds(proto, count=20)])
    np.savez(tmp_path / "data.npz", x=rows)
    return save(proto, tmp_path)


def test_the_public_names_are_these_and_resolve() -> None:
    assert qconv.__all__ == NAMES
    assert dir(qconv) == sorted(NAMES)
    assert all(getattr(qconv, name) is not None for name in NAMES)
    star: dict[str, object] = {}
    exec("from qconv import *", star)
    assert set(NAMES) <= set(star)


def test_another_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'qconv' has no attribute 'quantize'"):
        _ = qconv.quantize


def test_importing_costs_nothing() -> None:
    code = (
        "import sys; before = set(sys.modules); import qconv; qconv.__version__\n"
        "print(sorted(set(sys.modules) - before - {'__future__', 'typing', 'importlib'}))\n"
        "qconv.Int8Settings; print('onnx' in sys.modules)\n"
        "qconv.convert; print('onnx' in sys.modules)"
    )
    out = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[1],
    ).stdout.splitlines()
    loaded = {name.split(".")[0] for name in out[0].strip("[]").replace("'", "").split(", ")}
    assert not loaded & {"numpy", "onnx", "onnx_ir", "onnxruntime", "click", "rich"}
    assert out[-1] == "True"


def test_calibrate_convert_report(model: Path) -> None:
    folder = model.parent
    record = qconv.calibrate(model, data=str(folder / "data.npz"))
    assert len(record.samples) == 40
    output = folder / "model.int8.onnx"
    conversion = qconv.convert(
        model, output, calibration=record, settings=qconv.Int8Settings(method="mse")
    )
    assert conversion.path == output
    assert conversion.size_bytes == output.stat().st_size
    assert conversion.float_bytes == model.stat().st_size
    assert conversion.note == "ranges by mse"
    report = qconv.report(
        model,
        [output],
        data=[str(folder / "data.npz")],
        fail_if=["sqnr_db < 20", "cosine < 2"],
        latency=False,
    )
    assert [verdict.failed for verdict in report.verdicts] == [False, True]
    assert report.exit_code == 1


def test_paths_and_feeds_do_as_well(model: Path) -> None:
    folder = model.parent
    feeds = random_feeds(parse(TEXT), count=4)
    record = qconv.calibrate(
        str(model), data=data(feeds), output=str(folder / "r.qcal"), statistics="full"
    )
    first = qconv.convert(str(model), str(folder / "a.onnx"), calibration=record)
    second = qconv.convert(model, folder / "b.onnx", calibration=str(folder / "r.qcal"))
    third = qconv.convert(model, folder / "c.onnx", data=data(feeds))
    contents = {made.path.read_bytes() for made in (first, second, third)}
    assert len(contents) == 1


def test_other_types(model: Path) -> None:
    output = model.with_name("y.onnx")
    made = qconv.convert(model, output, settings=qconv.HalfSettings("fp16", io="fp16"))
    assert len(made.plan.kept_float) == 0
    with pytest.raises(NothingQuantized):
        qconv.convert(model, output, settings=qconv.Float32Settings(), force=True)


def test_inspect(model: Path) -> None:
    inspection = qconv.inspect(model)
    assert inspection.model.parameters == 16 * 8 + 8 + 8 * 4
    assert [node.quantized for node in inspection.plan.nodes.values()].count(False) == 0


def test_contradictions_are_usage_errors(model: Path) -> None:
    record = qconv.calibrate(model, data=[str(model.with_name("data.npz"))])
    for arguments in ({}, {"calibration": record, "data": ["data.npz"]}):
        with pytest.raises(UsageError) as caught:
            qconv.convert(model, model.with_name("y.onnx"), **arguments)  # type: ignore[arg-type]
        assert caught.value.exit_code == 2
    assert not model.with_name("y.onnx").exists()


def test_type_checkers_know_every_public_name() -> None:
    tree = ast.parse(Path(qconv.__file__).read_text(encoding="utf-8"))
    guarded = [each for node in tree.body if isinstance(node, ast.If) for each in ast.walk(node)]
    known = {
        alias.asname or alias.name
        for node in guarded
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert known == set(qconv.__all__) - {"__version__"}
