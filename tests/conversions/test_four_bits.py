"""Four-bit weights of static INT8: packed in the file, int8 for the kernels."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import onnx_ir as ir
import pytest
from onnx import numpy_helper

from qconv.conversions.steps import pack_four_bits
from qconv.errors import UnsupportedError
from qconv.evaluation.portability import integer_rows, layer_risks
from qconv.evaluation.restored import layer_weights
from qconv.evaluation.weight_entries import weight_entries
from qconv.graph.model_io import read_model
from qconv.graph.prepare import normalize
from qconv.recipe.settings import Int8Settings
from tests.model_helpers import Array, Converted, convert_model, parse, random_feeds, run, said

CONVOLUTIONS = """(float[N, 3, 9, 9] x) => (float[N, 5] y)
<float[7, 3, 3, 3] w, float[7] b, float[7, 1, 3, 3] d, float[7, 5] m, float[5] c> {
  a = Conv<pads = [1, 1, 1, 1]>(x, w, b)
  r = Relu(a)
  e = Conv<group = 7, pads = [1, 1, 1, 1]>(r, d)
  p = GlobalAveragePool(e)
  f = Flatten(p)
  y = Gemm(f, m, c)
}"""
PRODUCTS = """(float[N, T, 32] x) => (float[N, T, 16] y)
<float[32] g, float[32] o, float[32, 16] w, float[16] c> {
  n = LayerNormalization<axis = -1>(x, g, o)
  a = MatMul(n, w)
  y = Add(a, c)
}"""
BRANCH = """(float[N, 8, 9, 9] x, bool z) => (float[N, 8, H, W] y)
<float[8, 8, 3, 3] w, float[8] b, float[8, 8, 3, 3] k> {
  a = Conv<pads = [1, 1, 1, 1]>(x, w, b)
  y = If(z) <
    then_branch = t () => (float[N, 8, H, W] o) {
      r = Conv<pads = [1, 1, 1, 1]>(a, k, b)
      o = Conv<pads = [1, 1, 1, 1]>(r, w)
    },
    else_branch = e () => (float[N, 8, H, W] o) { o = Neg(a) }>
}"""
FOUR_BITS = Int8Settings(weights="int4")


def _converted(text: str, folder: Path, settings: Int8Settings = FOUR_BITS) -> Converted:
    folder.mkdir(exist_ok=True)
    model = parse(text)
    return convert_model(model, folder, axes={"N": (2,), "T": (5,)}, settings=settings)


def _unpacked(monkeypatch: pytest.MonkeyPatch, text: str, folder: Path) -> Converted:
    with monkeypatch.context() as patched:
        patched.setattr(pack_four_bits, "pack_weights", lambda model: (model, ()))
        return _converted(text, folder)


def _chain(proto: onnx.ModelProto, op: str) -> tuple[list[str], onnx.TensorProto]:
    """Return the operators between the weight of the first ``op`` and its tensor."""
    givers = {name: node for node in proto.graph.node for name in node.output}
    tensors = {tensor.name: tensor for tensor in proto.graph.initializer}
    name = next(node for node in proto.graph.node if node.op_type == op).input[1]
    found = []
    while name in givers:
        found.append(givers[name].op_type)
        name = givers[name].input[0]
    return found, tensors[name]


@pytest.mark.parametrize(
    ("text", "op", "chain"),
    [
        (CONVOLUTIONS, "Conv", ["DequantizeLinear", "Cast"]),
        (CONVOLUTIONS, "Gemm", ["DequantizeLinear", "Cast"]),
        (PRODUCTS, "MatMulIntegerToFloat", ["Cast"]),
    ],
)
def test_int4_stands_behind_a_cast(tmp_path: Path, text: str, op: str, chain: list[str]) -> None:
    proto = _converted(text, tmp_path).proto()
    found, tensor = _chain(proto, op)
    assert found == chain
    assert tensor.data_type == onnx.TensorProto.INT4
    assert len(tensor.raw_data) == (np.prod(tensor.dims) + 1) // 2
    assert (proto.opset_import[0].version, proto.ir_version) == (21, 10)


@pytest.mark.parametrize("text", [CONVOLUTIONS, PRODUCTS, BRANCH])
@pytest.mark.parametrize("optimized", [True, False])
def test_the_same_bits_as_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, *, optimized: bool
) -> None:
    packed = _converted(text, tmp_path / "packed")
    unpacked = _unpacked(monkeypatch, text, tmp_path / "unpacked")
    assert onnx.TensorProto.INT4 not in {t.data_type for t in unpacked.proto().graph.initializer}
    for feeds in random_feeds(parse(text), {"N": (2,), "T": (5,)}):
        expected = run(unpacked.path, feeds, optimized=optimized)
        np.testing.assert_equal(run(packed.path, feeds, optimized=optimized), expected)
    assert packed.audit.quantized == unpacked.audit.quantized
    assert packed.audit.integer == unpacked.audit.integer > 0
    assert packed.audit.integer == packed.audit.quantized


def test_reports_read_the_same_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    converted = (
        _converted(CONVOLUTIONS, tmp_path / "packed"),
        _unpacked(monkeypatch, CONVOLUTIONS, tmp_path / "unpacked"),
    )
    packed, unpacked = (normalize(read_model(each.path)) for each in converted)
    assert list(layer_risks(packed)) == list(layer_risks(unpacked)) != []
    rows = [(node.name, array.tolist()) for node, array in integer_rows(packed)]
    assert rows == [(node.name, array.tolist()) for node, array in integer_rows(unpacked)]
    restored, expected = layer_weights(packed), layer_weights(unpacked)
    assert restored.keys() == expected.keys() != set()
    for name, layer in restored.items():
        np.testing.assert_array_equal(layer.rows, expected[name].rows)
    stored = {weight.layer: weight for weight in weight_entries(packed) if weight.dtype == "int4"}
    plain = {w.layer: w for w in weight_entries(unpacked) if w.dtype == "int8" and w.elements > 8}
    assert len(stored) == 3
    for name, weight in stored.items():
        assert weight.elements == plain[name].elements
        assert weight.nbytes == (plain[name].nbytes + 1) // 2


def test_eight_bits_stay_as_they_are(tmp_path: Path) -> None:
    converted = _converted(CONVOLUTIONS, tmp_path, Int8Settings())
    assert onnx.TensorProto.INT4 not in {t.data_type for t in converted.proto().graph.initializer}
    assert converted.proto().opset_import[0].version == 17


def test_a_model_that_cannot_be_raised_keeps_int8(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: ir.Model, opset: int) -> ir.Model:
        raise UnsupportedError(f"the model cannot be raised to {opset}: no way")

    monkeypatch.setattr(pack_four_bits, "raise_opset", refuse)
    converted = _converted(CONVOLUTIONS, tmp_path)
    assert _chain(converted.proto(), "Conv")[0] == ["DequantizeLinear"]
    assert said(converted.conversion)[-1] == (
        "4-bit weights stored as int8, twice as large: the model cannot be raised to 21: no way"
    )


def test_the_remark_counts(tmp_path: Path) -> None:
    settings = replace(FOUR_BITS, embeddings="float")
    remarks = said(_converted(CONVOLUTIONS, tmp_path, settings).conversion)
    assert remarks[-1] == "3 weights stored in 4 bits, read as int8"


def test_numbers_keep_their_signs(tmp_path: Path) -> None:
    proto = _converted(CONVOLUTIONS, tmp_path).proto()
    tensor = _chain(proto, "Conv")[1]
    array: Array = numpy_helper.to_array(tensor).astype(np.int8)
    assert array.shape == (7, 3, 3, 3)
    assert array.min() < -5
    assert array.max() > 5
