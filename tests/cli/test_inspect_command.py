import json
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest

from qconv.errors import QconvError
from tests.cli.cli_helpers import Qconv, Refuses, save_text
from tests.model_helpers import parse


def test_what_the_model_holds_and_what_would_become_of_it(qconv: Qconv) -> None:
    said = qconv("inspect model.onnx")
    assert (said.code, said.err) == (0, "")
    assert said.out.splitlines() == [
        "model.onnx  opset 17",
        "  input  x  float32 [N, 3, 8, 8]",
        "  output y  float32 [N, 4]",
        "  weights 132 numbers: 528 bytes float",
        "  ops    1 Conv, 1 Relu, 1 GlobalAveragePool, 1 Flatten, 1 Gemm",
        "",
        "INT8 for ort-cpu, after preparation: 4 of 4 operators in integers",
        *(f"      1 x {op}" for op in ("Conv", "GlobalAveragePool", "Flatten", "Gemm")),
        "      1 x Relu, part of the operator before it",
    ]


def test_the_reason_of_every_operator_in_float(qconv: Qconv) -> None:
    said = qconv("inspect tanh.onnx")
    assert "0 of 2 operators in integers" in said.out
    row = next(line for line in said.out.splitlines() if "│ Tanh " in line)
    assert row.startswith("│ 2     │ Tanh     │ ONNX Runtime's CPU provider has no")


def test_names_are_printed_as_they_are(qconv: Qconv, folder: Path) -> None:
    name = ":smile:[red]" + 20 * "long" + "[/x]"
    model = parse("(float[N,4] x) => (float[N,4] y) { y = Tanh(x) }")
    model.graph.input[0].name = model.graph.node[0].input[0] = name
    onnx.save(model, folder / "named.onnx")
    assert f"  input  {name}  float32 [N, 4]" in qconv("inspect named.onnx").out.splitlines()


def test_json_lists_every_node(qconv: Qconv) -> None:
    said = qconv("inspect log.onnx --json")
    assert (said.code, said.err) == (0, "")
    read = json.loads(said.out)
    assert read["inputs"] == [{"name": "x", "dtype": "float32", "shape": ["N", 4]}]
    assert read["outputs"] == [{"name": "y", "dtype": "float32", "shape": ["N", 4]}]
    assert (read["opset"], read["parameters"], read["target"]) == (17, 16, "ort-cpu")
    assert read["op_counts"] == {"Log": 1, "MatMul": 1}
    log, gemm = read["nodes"]
    assert (log["op"], log["quantized"]) == ("Log", False)
    assert "Log" in log["reason"]
    assert (gemm["op"], gemm["quantized"], gemm["reason"]) == ("Gemm", True, None)


def test_axes_without_a_name_and_inputs_without_axes(qconv: Qconv, folder: Path) -> None:
    save_text("(float[N,4] x, float s) => (float[N,4] y) { y = Mul(x, s) }", folder / "m.onnx")
    model = onnx.load(folder / "m.onnx")
    model.graph.input[0].type.tensor_type.shape.dim[0].Clear()
    onnx.save(model, folder / "m.onnx")
    read = json.loads(qconv("inspect m.onnx --json").out)
    assert [spec["shape"] for spec in read["inputs"]] == [[None, 4], []]
    assert "input  x  float32 [?, 4]" in qconv("inspect m.onnx").out


@pytest.mark.parametrize(
    ("kind", "shown"),
    [
        ("string[4]", "string [4]"),
        ("seq(int64[4])", "sequence of int64 [4]"),
        ("optional(float[4])", "optional float32 [4]"),
        ("optional(seq(float[4]))", "optional sequence of float32 [4]"),
        ("float8e4m3fn[4]", "float8_e4m3fn [4]"),
    ],
)
def test_inputs_that_are_no_plain_arrays(qconv: Qconv, folder: Path, kind: str, shown: str) -> None:
    save_text(f"({kind} x, float[4] a) => (float[4] y) {{ y = Relu(a) }}", folder / "m.onnx")
    assert f"input  x  {shown}" in qconv("inspect m.onnx").out
    (read, _) = json.loads(qconv("inspect m.onnx --json").out)["inputs"]
    assert (read["dtype"], read["shape"]) == (shown.removesuffix(" [4]"), [4])


NOT_ONNX = "not an ONNX file, or a truncated one"


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"hello\n", id="text"),
        pytest.param(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", id="png"),
        pytest.param(np.random.default_rng(3).bytes(1000), id="random"),
    ],
)
def test_what_is_not_onnx(folder: Path, refuses: Refuses, content: bytes) -> None:
    (folder / "x.onnx").write_bytes(content)
    refuses("inspect x.onnx", code=3, message=f"x.onnx: {NOT_ONNX}")
    refuses("calibrate x.onnx --data data.npz -o r.qcal", code=3, message=f"x.onnx: {NOT_ONNX}")
    refuses("convert x.onnx --dtype fp16 -o y.onnx", code=3, message=f"x.onnx: {NOT_ONNX}")


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.99])
def test_a_truncated_model(folder: Path, refuses: Refuses, share: float) -> None:
    whole = (folder / "model.onnx").read_bytes()
    (folder / "x.onnx").write_bytes(whole[: int(len(whole) * share)])
    refuses("inspect x.onnx", code=3, message=f"x.onnx: {NOT_ONNX}")


@pytest.mark.parametrize(
    "line",
    [
        "inspect no.onnx",
        "calibrate no.onnx --data data.npz -o r.qcal",
        "convert no.onnx --dtype fp16 -o y.onnx",
        "convert no.onnx --dtype int8 --calibration histogram.qcal -o y.onnx",
    ],
)
def test_no_such_model(refuses: Refuses, line: str) -> None:
    refuses(line, code=3, message="no.onnx: no such file")


def test_a_folder_is_not_a_model(refuses: Refuses) -> None:
    refuses("inspect .", code=3, message=".: is a folder, not an ONNX file")


def test_a_name_that_is_too_long(refuses: Refuses) -> None:
    name = "a" * 300
    refuses("inspect", name, code=3, message=f"{name}: cannot be read: File name too long")


@pytest.mark.parametrize(
    "line",
    [
        "inspect model.onnx --target gpu",
        "calibrate model.onnx --data data.npz -o r.qcal --target gpu",
        "convert model.onnx --dtype int8 --data data.npz -o y.onnx --target gpu",
        "convert model.onnx --dtype fp16 -o y.onnx --target gpu",
    ],
)
def test_an_unknown_target(refuses: Refuses, line: str) -> None:
    message = "unknown target 'gpu'"
    refuses(line, code=2, message=message, hint="known targets: ort-cpu")


@pytest.mark.parametrize(
    "line",
    [
        "inspect int8.onnx",
        "calibrate int8.onnx --data data.npz -o r.qcal",
        "convert int8.onnx --dtype int8 --data data.npz -o y.onnx",
    ],
)
def test_a_model_that_is_quantized_already(qconv: Qconv, refuses: Refuses, line: str) -> None:
    made = "convert model.onnx --dtype int8 --calibration histogram.qcal -o int8.onnx"
    assert qconv(made).code == 0
    message = "int8.onnx: is already quantized (8 DequantizeLinear, 4 QuantizeLinear)"
    refuses(line, code=3, message=message, hint="start from the float model")


@pytest.fixture
def external(folder: Path) -> Callable[[str], None]:
    """Return a function that sends a model's weights to a place of one's choice."""
    model = onnx.load(folder / "model.onnx")
    onnx.save(model, folder / "big.onnx", save_as_external_data=True, location="big.data",
              size_threshold=0)  # fmt: skip

    def move(location: str) -> None:
        model = onnx.load(folder / "big.onnx", load_external_data=False)
        for tensor in model.graph.initializer:
            for entry in tensor.external_data:
                if entry.key == "location":
                    entry.value = location
        onnx.save(model, folder / "big.onnx")

    return move


@pytest.mark.usefixtures("external")
def test_external_data_are_read(qconv: Qconv) -> None:
    assert "weights 132 numbers: 528 bytes float\n" in qconv("inspect big.onnx").out


@pytest.mark.usefixtures("external")
def test_external_data_that_are_missing(folder: Path, refuses: Refuses) -> None:
    (folder / "big.data").unlink()
    refuses(
        "inspect big.onnx",
        code=3,
        message="big.onnx: the external data of 'w' is missing: big.data",
        hint="keep the model and its data files in one folder",
    )


@pytest.mark.usefixtures("external")
def test_external_data_that_are_truncated(folder: Path, refuses: Refuses) -> None:
    os.truncate(folder / "big.data", 100)
    refuses(
        "inspect big.onnx",
        code=3,
        message="big.onnx: the external data of 'w' is truncated: big.data ends before 432",
    )


@pytest.mark.parametrize("location", ["../big.data", "/etc/passwd", "a/../../big.data"])
def test_external_data_outside_the_folder(
    external: Callable[[str], None], refuses: Refuses, location: str
) -> None:
    external(location)
    message = f"big.onnx: the external data of 'w' lies outside the model's folder: '{location}'"
    refuses("inspect big.onnx", code=3, message=message)


def test_the_exit_codes_are_those_of_the_errors() -> None:
    def codes(kind: type[QconvError]) -> set[int]:
        return {kind.exit_code}.union(*(codes(below) for below in kind.__subclasses__()))

    assert codes(QconvError) == {70, 2, 3, 4, 5}


@pytest.mark.parametrize(
    ("options", "line"),
    [
        (
            "--dtype int8 --mode dynamic",
            "INT8 for ort-cpu, after preparation: 1 of 1 operators in integers",
        ),
        ("--dtype int4", "INT4 for ort-cpu, after preparation: 0 of 1 operators with int4 weights"),
        ("--dtype fp16", "FP16 for ort-cpu, after preparation: 2 of 2 operators in float16"),
        ("--dtype bf16", "BF16 for ort-cpu, after preparation: 2 of 2 operators in bfloat16"),
        (
            "--dtype bf16 --storage-only",
            "BF16 for ort-cpu, after preparation: 0 of 2 operators in bfloat16",
        ),
        ("--dtype fp32", "FP32 for ort-cpu, after preparation: 0 of 0 operators in float32"),
        (
            "--float-layers MatMul",
            "INT8 for ort-cpu, after preparation: 0 of 2 operators in integers",
        ),
    ],
)
def test_what_any_type_would_do(qconv: Qconv, options: str, line: str) -> None:
    said = qconv(f"inspect log.onnx {options}")
    assert (said.code, said.err) == (0, "")
    assert line in said.out.splitlines()


def test_json_tells_the_type_and_what_happens_at_run_time(qconv: Qconv) -> None:
    said = qconv("inspect log.onnx --mode dynamic --json")
    read = json.loads(said.out)
    assert (read["dtype"], read["target"]) == ("int8", "ort-cpu")
    [node] = read["nodes"]
    assert (node["quantized"], node["at_run_time"]) == (True, True)


def test_a_recipe_serves_inspect_too(qconv: Qconv, folder: Path) -> None:
    recipe = 'dtype = "int4"\neffort = "best"\ngranularity = "channel"\n'
    (folder / "recipe.toml").write_text(recipe, encoding="utf-8")
    said = qconv("inspect log.onnx --recipe recipe.toml")
    assert "INT4 for ort-cpu" in said.out


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("--dtype int8 --dtype fp16", "inspect takes one --dtype at a time"),
        (
            "--float-layers 2",
            "--float-layers with a number needs data, which inspect does not read",
        ),
        ("--dtype int4 --activations int8", "--activations needs --dtype int8 --mode static"),
    ],
)
def test_options_that_inspect_cannot_follow(refuses: Refuses, options: str, message: str) -> None:
    refuses(f"inspect log.onnx {options}", code=2, message=message)


def test_what_runs_in_integers_in_a_branch_is_not_said_to_be_stored(
    qconv: Qconv, folder: Path
) -> None:
    """A convert of the same model runs it in integers, too."""
    text = """(float[N,32] x, bool c) => (float[N,32] y) <float[32,32] w> {
      h = MatMul(x, w)
      y = If(c) <then_branch = a () => (float[N,32] t) <float[32,32] u> { t = MatMul(h, u) },
                 else_branch = b () => (float[N,32] e) { e = Tanh(h) }>
    }"""
    model = parse(text)
    branch = model.graph.node[1].attribute[0].g
    for info in list(branch.value_info):
        array = np.ones([axis.dim_value for axis in info.type.tensor_type.shape.dim], np.float32)
        branch.initializer.append(onnx.numpy_helper.from_array(array, info.name))
        branch.value_info.remove(info)
    onnx.save(model, folder / "branch.onnx")
    read = json.loads(qconv("inspect branch.onnx --json").out)
    products = [node for node in read["nodes"] if node["op"] in ("MatMul", "Gemm")]
    assert len(products) == 2
    assert all(node["quantized"] for node in products)
