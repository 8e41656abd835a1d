"""The lint beside the emulation of the kernel, and the emulation beside the runtime itself."""

from pathlib import Path

import numpy as np
import onnx_ir as ir
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import qconv
from benchmarks.emulation import Array, Emulator, product
from benchmarks.saturation import disagreements
from qconv.algorithms.saturation import count_pairs
from qconv.evaluation.portability import integer_rows, layer_risks
from qconv.graph.model_io import read_model
from qconv.graph.prepare import normalize
from qconv.runtime.machine import has_vnni
from tests.model_helpers import data, parse, save

TEXT = """(float[N,3,9,9] x) => (float[N,5] y) <float[8,3,3,3] w, float[8] b, float[8,1,3,3] d,
  float[6,8,1,1] p, float[6,5] v> {
  c = Conv<pads=[1,1,0,0],strides=[2,1]>(x, w, b) r = Relu(c)
  e = Conv<group=8,pads=[1,1,1,1]>(r, d) s = Relu(e)
  f = Conv(s, p) g = GlobalAveragePool(f) h = Flatten(g) y = MatMul(h, v) }"""
FORMS = {
    "pairs": qconv.Int8Settings(),
    "reduced": qconv.Int8Settings(reduce_range=True),
    "free": qconv.Int8Settings(portable=False),
}
INT8 = arrays(np.int8, st.tuples(st.integers(1, 5), st.integers(1, 9)))


def slow_product(a: Array, w: Array) -> Array:
    """Return ``a w^T`` as ``vpmaddubsw`` computes it, one pair after the other."""
    found = np.zeros((len(a), len(w)), np.int64)
    for row in range(len(a)):
        for column in range(len(w)):
            for first in range(0, a.shape[1], 2):
                places = range(first, min(first + 2, a.shape[1]))
                pair = sum(int(a[row, k]) * int(w[column, k]) for k in places)
                found[row, column] += max(-32768, min(32767, pair))
    return found


@settings(max_examples=60, deadline=None)
@given(w=INT8, seed=st.integers(0, 99))
def test_the_fast_emulation_is_the_slow_one(w: Array, seed: int) -> None:
    random = np.random.default_rng(seed)
    a = random.choice(np.array([0, 1, 200, 254, 255], np.uint8), (4, w.shape[1]))
    np.testing.assert_array_equal(product(a, w, saturating=True), slow_product(a, w))
    wide = a.astype(np.int64) @ w.T.astype(np.int64)
    np.testing.assert_array_equal(product(a, w, saturating=False), wide)


@settings(max_examples=100, deadline=None)
@given(w=INT8)
def test_a_pair_is_at_risk_where_the_largest_activations_saturate(w: Array) -> None:
    pairs, risky = count_pairs(w)
    assert pairs == len(w) * ((w.shape[1] + 1) // 2)
    assert risky == disagreements(w)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One model, whose inputs are large and whose weights are even, in three forms of INT8."""
    place = tmp_path_factory.mktemp("portability")
    proto = parse(TEXT)
    random = np.random.default_rng(3)
    feeds = [{"x": random.uniform(0, 1, (1, 3, 9, 9)).astype(np.float32) ** 0.1} for _ in range(8)]
    model = save(proto, place)
    for form, chosen in FORMS.items():
        qconv.convert(model, place / f"{form}.onnx", data=data(feeds), settings=chosen)
    np.savez(place / "feeds.npz", x=np.concatenate([feed["x"] for feed in feeds]))
    return place


@pytest.mark.parametrize("form", list(FORMS))
def test_the_emulation_gives_the_runtimes_bits_operator_by_operator(
    folder: Path, form: str
) -> None:
    emulator = Emulator(folder / f"{form}.onnx", saturating=has_vnni() is False)
    operators = set()
    for row in np.load(folder / "feeds.npz")["x"]:
        for node, read, given_ in emulator.values({"x": row[None]}):
            operators.add(node.op_type)
            for mine, real in zip(given_, emulator.runtime(node, read), strict=True):
                np.testing.assert_array_equal(mine, real, err_msg=str(node.name))
    assert "QLinearConv" in operators
    assert operators & {"MatMulIntegerToFloat", "QGemm"}


@pytest.mark.parametrize(("form", "safe"), [("pairs", True), ("reduced", True), ("free", False)])
def test_the_lint_finds_what_can_saturate(folder: Path, form: str, safe: bool) -> None:
    model = normalize(read_model(folder / f"{form}.onnx"))
    risks = list(layer_risks(model))
    assert [risk.op for risk in risks] == ["Conv", "Conv", "Gemm"]  # the depthwise one is out
    assert all((risk.risky == 0) is safe for risk in risks[:2])
    for risk, (_, rows) in zip(risks, integer_rows(model), strict=True):
        assert disagreements(rows) == risk.risky


@pytest.mark.parametrize(("form", "safe"), [("pairs", True), ("reduced", True), ("free", False)])
def test_a_file_without_risk_gives_the_same_with_and_without_vnni(
    folder: Path, form: str, safe: bool
) -> None:
    without, with_ = (Emulator(folder / f"{form}.onnx", saturating=flag) for flag in (True, False))
    rows = [row[None] for row in np.load(folder / "feeds.npz")["x"]]
    same = [
        np.array_equal(without.outputs({"x": row})[0], with_.outputs({"x": row})[0]) for row in rows
    ]
    assert all(same) is safe


def test_reduced_weights_have_seven_bits(folder: Path) -> None:
    for _, rows in integer_rows(normalize(read_model(folder / "reduced.onnx"))):
        assert np.abs(rows.astype(int)).max() == 63


OPERATORS = """(uint8[1,4] x) => (int32[1,2] y) <int8[4,2] w = {127,1,127,-128,5,-128,5,1}> {
  y = MatMulInteger(x, w) }"""


def test_operators_of_integers_are_looked_at_too() -> None:
    (risk,) = layer_risks(normalize(ir.from_proto(parse(OPERATORS))))
    assert (risk.op, risk.pairs, risk.risky) == ("MatMulInteger", 4, 1)


UNSIGNED = OPERATORS.replace("int8[4,2]", "uint8[4,2]").replace("-128", "128")


def test_unsigned_weights_have_another_kernel() -> None:
    assert not list(layer_risks(normalize(ir.from_proto(parse(UNSIGNED)))))


@pytest.mark.parametrize("shape", ["4,0", "0,4", "2,0,4", "2,4,0"])
def test_weights_without_numbers_are_at_no_risk(shape: str) -> None:
    rank = shape.count(",") + 1
    text = f"""(float[{"N," * (rank - 1)}4] x) => (float y) <float s = {{0.1}}, uint8 z = {{3}},
      int8[{shape}] w, float t = {{0.1}}, int8 k = {{0}}> {{
      q = QuantizeLinear(x, s, z) d = DequantizeLinear(q, s, z) e = DequantizeLinear(w, t, k)
      y = MatMul(d, e) }}"""
    assert list(layer_risks(normalize(ir.from_proto(parse(text))))) == []
