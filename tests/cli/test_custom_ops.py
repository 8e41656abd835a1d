"""Libraries of operators that ONNX Runtime does not have, on every command that runs a model."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import parser

import qconv as api
from qconv.errors import UnsupportedError
from tests.cli.cli_helpers import Qconv, Refuses
from tests.model_helpers import Array, save

HEADER = '<ir_version: 8, opset_import: ["" : 17, "ai.onnx.contrib" : 1]>'
NODES = "a = MatMul(x, w) low, high = ai.onnx.contrib.NegPos(a) y = MatMul(high, v)"
CUSTOM = f"{HEADER} g (float[N, 32] x) => (float[N, 32] y, float[N, 32] low) {{ {NODES} }}"


@pytest.fixture
def library(folder: Path) -> str:
    """The library that has NegPos, with a model and data in the folder."""
    extensions = pytest.importorskip("onnxruntime_extensions")
    random = np.random.default_rng(0)
    model = parser.parse_model(CUSTOM)
    for name in ("w", "v"):
        array: Array = random.standard_normal((32, 32), np.float32)
        model.graph.initializer.append(onnx.numpy_helper.from_array(array, name))
    save(model, folder, "custom.onnx")
    np.savez(folder / "rows.npz", x=random.standard_normal((12, 32), np.float32))
    return str(extensions.get_library_path())


def test_every_command_takes_a_library(qconv: Qconv, library: str) -> None:
    given = ("--custom-ops", library)
    assert "1 NegPos" in qconv("inspect custom.onnx").out
    line = "calibrate custom.onnx --data rows.npz --statistics full -o custom.qcal -q"
    assert qconv(line, *given).code == 0
    for name, options in {
        "int8": "--dtype int8 --calibration custom.qcal",
        "dynamic": "--dtype int8 --mode dynamic",
        "int4": "--dtype int4 --calibration custom.qcal",
        "fp16": "--dtype fp16",
    }.items():
        made = f"{name}.onnx"
        assert qconv(f"convert custom.onnx -q -o {made} {options}", *given).code == 0
        gate = "sqnr_db < 10"
        line = f"report custom.onnx {made} --data rows.npz --no-latency --layers -q"
        assert qconv(line, "--fail-if", gate, *given).code == 0
        assert qconv(f"compare custom.onnx {made} --data rows.npz -q", *given).code == 0
    line = "tune custom.onnx --data rows.npz --objective size --max-size 9kB -o tuned.onnx -q"
    said = qconv(line, *given)
    assert said.code == 0, said.err


def test_in_python(library: str) -> None:
    ops = [library]
    record = api.calibrate("custom.onnx", data="rows.npz", custom_ops=ops)
    api.convert("custom.onnx", "int8.onnx", calibration=record, custom_ops=ops)
    report = api.report("custom.onnx", ["int8.onnx"], data="rows.npz", custom_ops=ops)
    assert report.exit_code == 0
    assert api.compare("custom.onnx", "custom.onnx", data="rows.npz", custom_ops=ops).outputs
    with pytest.raises(UnsupportedError):
        api.calibrate("custom.onnx", data="rows.npz")


def test_without_it(library: str, refuses: Refuses, qconv: Qconv) -> None:  # noqa: ARG001
    said = qconv("calibrate custom.onnx --data rows.npz -o custom.qcal -q")
    assert said.code == 4
    assert said.error.startswith(
        "qconv: error: custom.onnx: ONNX Runtime has no kernel for one of its operators: "
    )
    assert said.error.endswith("\nhint: name a library that has the operator with --custom-ops")


@pytest.mark.parametrize(
    "line",
    [
        "calibrate model.onnx --data data.npz -o x.qcal",
        "convert model.onnx --dtype fp16 -o x.onnx",
        "report model.onnx model.onnx --data data.npz",
        "compare model.onnx model.onnx --data data.npz",
    ],
)
def test_what_is_no_library_is_refused(refuses: Refuses, qconv: Qconv, line: str) -> None:
    refuses(f"{line} --custom-ops gone.so -q", code=3, message="gone.so: no such file")
    said = qconv(f"{line} --custom-ops data.npz -q")
    assert said.code == 3
    assert said.error.startswith(
        "qconv: error: data.npz: ONNX Runtime cannot load it as a library of operators: "
    )


def test_a_library_is_not_written_over(folder: Path, refuses: Refuses) -> None:
    (folder / "ops.so").write_bytes(b"code")
    for line in (
        "calibrate model.onnx --data data.npz -o ops.so -f",
        "convert model.onnx --dtype fp16 -o ops.so -f",
    ):
        message = "ops.so: the output would replace a library of operators"
        refuses(f"{line} --custom-ops ops.so -q", code=2, message=message)
