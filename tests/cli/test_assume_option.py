"""``--assume`` on all four commands."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import pytest

from tests.cli.cli_helpers import Qconv, Refuses, save_text
from tests.model_helpers import op_types

BRANCHES = """(float[N, 8] x, int64 rate) => (float[N, 8] y) <float[8, 8] w, float[8, 8] v> {
  fast = Constant<value = int64 {16}>()
  c = Equal(rate, fast)
  y = If(c) <then_branch = a () => (float[N, 8] t) { t = MatMul(x, w) },
             else_branch = b () => (float[N, 8] e) { e = MatMul(x, v) }>
}"""


@pytest.fixture(autouse=True)
def models(folder: Path) -> None:
    save_text(BRANCHES, folder / "rates.onnx")
    random = np.random.default_rng(0)
    np.savez(folder / "rows.npz", x=random.standard_normal((20, 8)).astype(np.float32))


def test_the_whole_way(qconv: Qconv, folder: Path) -> None:
    said = qconv(
        "calibrate rates.onnx --data rows.npz --assume rate=16 --statistics full -o r.qcal -q"
    )
    assert (said.code, said.err) == (0, "")
    said = qconv(
        "convert rates.onnx --dtype int8 --calibration r.qcal --assume rate=16 -o i.onnx -q"
    )
    assert (said.code, said.err) == (0, "")
    model = onnx.load(folder / "i.onnx")
    assert "If" not in op_types(model)
    assert [info.name for info in model.graph.input] == ["x"]
    metadata = {entry.key: entry.value for entry in model.metadata_props}
    assert json.loads(metadata["qconv.assumed"]) == {"rate": "16"}
    said = qconv(
        "report rates.onnx i.onnx --data rows.npz --assume rate=16 --runs 2 -q --fail-if",
        "sqnr_db < 30",
    )
    assert said.code == 0
    said = qconv("convert rates.onnx --dtype int8 --data rows.npz --assume rate=16 -o j.onnx -q")
    assert said.code == 0
    assert (folder / "i.onnx").read_bytes() == (folder / "j.onnx").read_bytes()


@pytest.mark.parametrize("rate", [16, 8])
def test_the_float_model_is_fed_what_is_assumed(qconv: Qconv, folder: Path, rate: int) -> None:
    line = f"convert rates.onnx --dtype fp32 --assume rate={rate} -o f.onnx -q"
    assert qconv(line).code == 0
    assert "If" not in op_types(onnx.load(folder / "f.onnx"))
    line = f"report rates.onnx f.onnx --data rows.npz --assume rate={rate} --no-latency -q"
    assert qconv(line, "--fail-if", "sqnr_db < 100").code == 0
    other = f"report rates.onnx f.onnx --data rows.npz --assume rate={24 - rate} --no-latency -q"
    assert qconv(other, "--fail-if", "sqnr_db < 100").code == 1


def test_variants_with_and_without_the_input(qconv: Qconv, folder: Path) -> None:
    for name, line in (("a", "--assume rate=16"), ("b", "")):
        said = qconv(f"convert rates.onnx --dtype bf16 --storage-only {line} -o {name}.onnx -q")
        assert said.code == 0
    said = qconv(
        "report rates.onnx a.onnx b.onnx --data rows.npz --assume rate=16 --runs 2 -q --json r.json"
    )
    assert said.code == 0
    variants = json.loads((folder / "r.json").read_text())["variants"]
    assert variants[0]["outputs"] == variants[1]["outputs"]


def test_half_types_are_simulated_with_it(qconv: Qconv) -> None:
    assert qconv("convert rates.onnx --dtype fp16 -o h.onnx -q").code == 0
    assert qconv("report rates.onnx h.onnx --data rows.npz --assume rate=16 --runs 2 -q").code == 0


def test_inspect_shows_what_would_be_left(qconv: Qconv) -> None:
    nodes = json.loads(qconv("inspect rates.onnx --assume rate=16 --json").out)["nodes"]
    assert [(node["op"], node["quantized"]) for node in nodes] == [("Gemm", True)]


def test_a_record_belongs_to_its_assumptions(qconv: Qconv, refuses: Refuses) -> None:
    assert (
        qconv(
            "calibrate rates.onnx --data rows.npz --assume rate=16 --statistics full -o r.qcal -q"
        ).code
        == 0
    )
    refuses(
        "convert rates.onnx --dtype int8 --calibration r.qcal --assume rate=8 -o i.onnx",
        code=3,
        message="r.qcal: was made with rate=16 assumed, and this conversion assumes rate=8",
        hint="give calibrate and convert the same --assume",
    )
    refuses(
        "convert rates.onnx --dtype int8 --calibration r.qcal -o i.onnx",
        code=3,
        message="r.qcal: was made with rate=16 assumed, and this conversion assumes nothing",
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("--assume rate", "--assume 'rate' is not of the form NAME=VALUE"),
        ("--assume =16", "--assume '=16' is not of the form NAME=VALUE"),
        ("--assume rate=1 --assume rate=2", "--assume names the input 'rate' twice"),
        ("--assume speed=1", "rates.onnx: 'speed' cannot be assumed: the model has no such input"),
        (
            "--assume rate=fast",
            "rates.onnx: 'fast' cannot be assumed for the input 'rate', which is int64: "
            "it is not a whole number",
        ),
    ],
)
def test_wrong_assumptions(refuses: Refuses, options: str, message: str) -> None:
    refuses(f"calibrate rates.onnx --data rows.npz -o r.qcal {options}", code=2, message=message)
    refuses(f"inspect rates.onnx {options}", code=2, message=message)
    refuses(f"convert rates.onnx --dtype fp16 -o f.onnx {options}", code=2, message=message)
    refuses(f"report rates.onnx rates.onnx --data rows.npz {options}", code=2, message=message)


def test_a_variant_that_lacks_an_input_that_is_not_assumed(qconv: Qconv, folder: Path) -> None:
    assert qconv("convert rates.onnx --dtype fp16 --assume rate=16 -o h.onnx -q").code == 0
    np.savez(folder / "both.npz", x=np.ones((2, 8), np.float32), rate=np.array([16, 16]))
    said = qconv("report rates.onnx h.onnx --data both.npz -q")
    assert said.code == 3
    assert "it has no input 'rate'" in said.error
    assert "hint: h.onnx was made with rate=16 assumed: give report --assume rate=16" in said.error
