"""Weights alone in few bits, in graphs of every kind, and what is said where that cannot be."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from numpy.typing import NDArray

from qconv.errors import ModelError, NothingQuantized, UsageError
from qconv.pipeline import Conversion, convert
from qconv.recipe.settings import WeightOnlySettings, WeightType
from tests.model_helpers import parse, said, save

Floats = NDArray[np.float32]

BRANCHES = """(float[N, 64] x, bool up) => (float[N, 32] y) {
  y = If(up) <
    then_branch = up_graph () => (float[N, 32] a) <float[64, 32] w> { a = Gemm<alpha = 0.5>(x, w) },
    else_branch = down_graph () => (float[N, 32] b) <float[64, 32] v, float[32] c> {
      b = Gemm(x, v, c) }
  >
}"""


def _convert(proto: onnx.ModelProto, folder: Path, **choices: object) -> tuple[Path, Conversion]:
    path = folder / "stored.onnx"
    settings = WeightOnlySettings(**choices)  # type: ignore[arg-type]
    return path, convert(save(proto, folder), path, settings=settings, force=True)


def _run(path: Path | bytes, **feeds: NDArray[np.generic]) -> Floats:
    session = ort.InferenceSession(path, providers=["CPUExecutionProvider"])
    result: Floats = session.run(None, feeds)[0]
    return result


def _decibels(exact: Floats, found: Floats) -> float:
    error = found.astype(np.float64) - exact
    return float(10 * np.log10((exact.astype(np.float64) ** 2).sum() / (error**2).sum()))


def _large(text: str, opset: int = 17) -> onnx.ModelProto:
    """Parse a model, and give the weights that its branches declare random numbers."""
    proto = parse(text, opset=opset)
    random = np.random.default_rng(1)
    for node in proto.graph.node:
        for attribute in node.attribute:
            declared = [info for info in attribute.g.value_info if info.name in "wvc"]
            for info in declared:
                shape = [axis.dim_value for axis in info.type.tensor_type.shape.dim]
                array = random.standard_normal(shape).astype(np.float32)
                attribute.g.initializer.append(onnx.numpy_helper.from_array(array, info.name))
                attribute.g.value_info.remove(info)
    return proto


@pytest.mark.parametrize("output", ["operator", "qdq"])
@pytest.mark.parametrize("dtype", ["int8", "int4", "ternary", "binary"])
def test_weights_in_branches(tmp_path: Path, dtype: str, output: str) -> None:
    proto = _large(BRANCHES)
    path, conversion = _convert(proto, tmp_path, dtype=dtype, format=output)
    assert [node.op_type for node in conversion.plan.quantized] == ["Gemm", "Gemm"]
    x = np.random.default_rng(0).standard_normal((5, 64)).astype(np.float32)
    for up in (True, False):
        feeds = {"x": x, "up": np.array(up)}
        exact, found = _run(proto.SerializeToString(), **feeds), _run(path, **feeds)
        assert _decibels(exact, found) > {"int8": 35, "int4": 14, "ternary": 5, "binary": 3}[dtype]
    assert path.stat().st_size < len(proto.SerializeToString())


def _tied(*, transposed: bool) -> onnx.ModelProto:
    """A table whose rows are also the columns of the last product, as one weight or as two."""
    last = (
        "scores = MatMul(hidden, turned)"
        if transposed
        else "t = Transpose<perm=[1,0]>(table) scores = MatMul(hidden, t)"
    )
    weights = "float[300, 64] table, float[64, 64] w" + (", float[64, 300] turned" * transposed)
    proto = parse(
        f"(int64[N, T] ids) => (float[N, T, 300] scores) <{weights}> {{"
        f"rows = Gather(table, ids) hidden = MatMul(rows, w) {last} }}"
    )
    arrays = {tensor.name: tensor for tensor in proto.graph.initializer}
    if transposed:
        table = onnx.numpy_helper.to_array(arrays["table"])
        arrays["turned"].CopyFrom(onnx.numpy_helper.from_array(table.T.copy(), "turned"))
    return proto


@pytest.mark.parametrize("transposed", [True, False])
def test_a_table_tied_to_the_last_product_is_stored_once(tmp_path: Path, transposed: bool) -> None:
    proto = _tied(transposed=transposed)
    path, _ = _convert(proto, tmp_path, dtype="int4", block_size=32)
    stored = [t for t in onnx.load(path).graph.initializer if t.data_type == onnx.TensorProto.UINT8]
    packed = (300 + 64) * 64 / 2
    assert packed <= sum(len(t.raw_data) for t in stored) < 1.2 * packed
    ids = np.arange(12).reshape(2, 6)
    assert _decibels(_run(proto.SerializeToString(), ids=ids), _run(path, ids=ids)) > 14


@pytest.mark.parametrize("opset", [7, 9, 11, 13, 18, 21, 23])
@pytest.mark.parametrize("output", ["operator", "qdq"])
def test_opsets_are_raised_by_converting_the_operators(
    tmp_path: Path, opset: int, output: str
) -> None:
    """ReduceMean and Squeeze take their axes in another place in newer opsets."""
    mean = "<axes = [1]>(p)" if opset < 18 else "(p, one)"
    squeeze = "<axes = [1]>(m)" if opset < 13 else "(m, one)"
    weights = "float[64, 48] w" + ("" if opset < 13 else ", int64[1] one = {1}")
    proto = parse(
        f"(float[N, 3, 64] x) => (float[N, 48] y) <{weights}> {{"
        f"p = MatMul(x, w) m = ReduceMean{mean} y = Squeeze{squeeze} }}",
        opset=opset,
    )
    path, _ = _convert(proto, tmp_path, dtype="int4", block_size=16, format=output)
    imports = {entry.domain: entry.version for entry in onnx.load(path).opset_import}
    assert imports[""] == (max(opset, 13) if output == "operator" else max(opset, 21))
    x = np.random.default_rng(0).standard_normal((2, 3, 64)).astype(np.float32)
    assert _decibels(_run(proto.SerializeToString(), x=x), _run(path, x=x)) > 15


@pytest.mark.parametrize(("dtype", "opset"), [("float16", 17), ("double", 17)])
@pytest.mark.parametrize("output", ["operator", "qdq"])
def test_other_float_types(tmp_path: Path, dtype: str, opset: int, output: str) -> None:
    proto = parse(
        f"({dtype}[N, 64] x) => ({dtype}[N, 48] y) <{dtype}[64, 48] w> {{ y = MatMul(x, w) }}",
        opset=opset,
    )
    path, _ = _convert(proto, tmp_path, dtype="int4", block_size=16, format=output)
    numpy = {"float16": np.float16, "double": np.float64}[dtype]
    x = np.random.default_rng(0).standard_normal((4, 64)).astype(numpy)
    exact, found = _run(proto.SerializeToString(), x=x), _run(path, x=x)
    assert found.dtype == numpy
    assert _decibels(exact, found) > 15


def test_a_weight_that_two_operators_see_differently(tmp_path: Path) -> None:
    proto = parse(
        "(float[N, 64] x) => (float[N, 64] y, float[N, 64] z) <float[64, 64] w> {"
        "y = MatMul(x, w) z = Gemm<transB = 1>(x, w) }"
    )
    path, conversion = _convert(proto, tmp_path, dtype="int8")
    assert len(conversion.plan.quantized) == 2
    x = np.random.default_rng(0).standard_normal((4, 64)).astype(np.float32)
    assert _decibels(_run(proto.SerializeToString(), x=x), _run(path, x=x)) > 30


def test_what_else_reads_a_weight_is_named(tmp_path: Path) -> None:
    proto = parse(
        "(float[N, 64] x) => (float[N, 64] y, float[64, 64] z) <float[64, 64] w, float[64, 64] v> {"
        "a = MatMul(x, w) y = MatMul(a, v) z = Abs(w) }"
    )
    _, conversion = _convert(proto, tmp_path)
    assert [node.reason for node in conversion.plan.kept_float] == [
        "its weight is also read by Abs"
    ] * 2


def test_a_model_without_weights_is_refused(tmp_path: Path) -> None:
    proto = parse("(float[N, 4] x) => (float[N, 4] y) { y = Relu(x) }")
    with pytest.raises(NothingQuantized, match="it has no weights to store in int4"):
        _convert(proto, tmp_path)
    small = parse("(float[N, 4] x) => (float[N, 4] y) <float[4, 4] w> { y = MatMul(x, w) }")
    with pytest.raises(NothingQuantized, match="Gemm: its weight is too small to save anything"):
        _convert(small, tmp_path)
    assert not (tmp_path / "stored.onnx").exists()


def test_weights_that_are_no_numbers_are_refused(tmp_path: Path) -> None:
    proto = parse("(float[N, 64] x) => (float[N, 64] y) <float[64, 64] w> { y = MatMul(x, w) }")
    array = onnx.numpy_helper.to_array(proto.graph.initializer[0]).copy()
    array[3, 5] = np.inf
    proto.graph.initializer[0].CopyFrom(onnx.numpy_helper.from_array(array, "w"))
    with pytest.raises(ModelError, match="the weight 'w' holds NaN or Inf"):
        _convert(proto, tmp_path)


@pytest.mark.parametrize(
    ("choices", "message"),
    [
        ({"block_size": 48}, "`block_size` is 48; it must be auto, 16, 32, 64, 128 or 256"),
        ({"algorithm": "gptq"}, "gptq needs second moments of the layers' inputs"),
        ({"algorithm": "adaround"}, "adaround needs second moments of the layers' inputs"),
        ({"sequential": True}, "`sequential` needs `data`"),
    ],
)
def test_settings_that_contradict_each_other(
    tmp_path: Path, choices: dict[str, object], message: str
) -> None:
    proto = parse("(float[N, 64] x) => (float[N, 64] y) <float[64, 64] w> { y = MatMul(x, w) }")
    with pytest.raises(UsageError, match=message):
        _convert(proto, tmp_path, **choices)


def test_remarks_say_what_the_runtime_does_with_the_weights(tmp_path: Path) -> None:
    proto = parse(
        "(float[N, 8, 9, 9] m, float[N, 64] x) => (float[N, 16, 9, 9] c, float[N, 64] y)"
        "<float[16, 8, 3, 3] k, float[64, 64] w> {"
        "c = Conv<pads = [1, 1, 1, 1]>(m, k) y = MatMul(x, w) }"
    )
    _, conversion = _convert(proto, tmp_path)
    assert said(conversion) == (
        "weights rounded: 2 by mse",
        "in the runtime's own operators: 1 MatMulNBits",
        "unpacked when the model is loaded, so the file is smaller, but not faster than float: "
        "weights of 1 Conv",
    )
    _, conversion = _convert(proto, tmp_path, format="qdq")
    assert said(conversion)[1:] == (
        "after DequantizeLinear, which the runtime fuses: 1 Gemm",
        "dequantized at every inference, which is slower than float: weights of 1 Conv; "
        "`format=operator` avoids that",
    )


@pytest.mark.parametrize("dtype", ["ternary", "binary", "fp8e4m3", "fp8e5m2"])
def test_adaround_is_for_integers(dtype: WeightType) -> None:
    with pytest.raises(UsageError, match=f"integers of 2 to 8 bits, not to {dtype}"):
        WeightOnlySettings(dtype, "adaround")


@pytest.mark.parametrize("dtype", ["int4", "uint4", "int3"])
def test_adaround_is_closer_than_rounding_to_nearest(tmp_path: Path, dtype: WeightType) -> None:
    """On correlated inputs that were not seen; a table is rounded without them."""
    weights = "float[40, 64] t, float[64, 48] w"
    body = "e = Gather(t, ids) a = MatMul(x, w) y = MatMul(e, w)"
    head = "(float[N, 64] x, int64[N] ids) => (float[N, 48] a, float[N, 48] y)"
    proto = parse(f"{head} <{weights}> {{ {body} }}")
    random = np.random.default_rng(3)
    mixing = random.standard_normal((6, 64))
    x = (random.standard_normal((600, 6)) @ mixing).astype(np.float32)
    ids = random.integers(0, 40, 600)
    np.savez(tmp_path / "d.npz", allow_pickle=False, x=x[:400], ids=ids[:400])
    found = {}
    settings_of = {
        "mse": WeightOnlySettings(dtype, "mse"),
        "adaround": WeightOnlySettings(dtype, "adaround"),
    }
    for algorithm, settings in settings_of.items():
        path = tmp_path / f"{algorithm}.onnx"
        data = [str(tmp_path / "d.npz")]
        made = convert(save(proto, tmp_path), path, data=data, settings=settings)
        exact = _run(proto.SerializeToString(), x=x[400:], ids=ids[400:])
        found[algorithm] = _decibels(exact, _run(path, x=x[400:], ids=ids[400:]))
    assert said(made)[0] == "weights rounded: 1 by mse, 1 by adaround"
    assert found["adaround"] > found["mse"] + 1


def test_one_bit_is_rounded_by_its_sign(tmp_path: Path) -> None:
    proto = parse("(float[N, 64] x) => (float[N, 64] y) <float[64, 64] w> { y = MatMul(x, w) }")
    np.savez(tmp_path / "d.npz", allow_pickle=False, x=np.ones((4, 64), np.float32))
    settings = WeightOnlySettings(dtype="binary")
    data = [str(tmp_path / "d.npz")]
    conversion = convert(save(proto, tmp_path), tmp_path / "b.onnx", data=data, settings=settings)
    assert said(conversion)[0] == "weights rounded: 1 by rtn"
