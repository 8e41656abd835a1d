"""Which operators keep float32 in a float16 or bfloat16 model, and what is said about them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
import onnx_ir as ir
import pytest

import qconv
from qconv.errors import NothingQuantized, UsageError
from qconv.graph.prepare import prepare
from qconv.observers.ranges import Range
from qconv.placement.plan import PrecisionPlan
from qconv.placement.precision import place_precision
from qconv.placement.targets.ort_cpu import ORT_CPU
from qconv.recipe.settings import HalfSettings
from tests.model_helpers import parse, save, set_weight

FLOAT16, BFLOAT16 = ir.DataType.FLOAT16, ir.DataType.BFLOAT16

RISKY = """(float[2,64] x) => (float[2,4] y) <float[64,64] w, float[64] s, float[64] b,
    float[64,4] v>
    { m = MatMul(x, w) n = LayerNormalization(m, s, b) y = MatMul(n, v) }"""


def _plan(
    model: onnx.ModelProto,
    dtype: ir.DataType = FLOAT16,
    ranges: dict[str, float] | None = None,
    keep: Sequence[str] = (),
    keep_ports: bool = False,
) -> PrecisionPlan:
    """Place a model; ``ranges`` gives the largest magnitude of each value."""
    seen = None if ranges is None else {name: Range(-m, m) for name, m in ranges.items()}
    prepared = prepare(ir.from_proto(model))
    return place_precision(
        *(prepared, ORT_CPU, dtype, seen), float_layers=keep, keep_ports=keep_ports
    )


def _kept(plan: PrecisionPlan) -> dict[str, str]:
    return {node.op_type: node.reason for node in plan.kept_float}


def test_risky_operators_stay_without_a_record() -> None:
    reason = "LayerNormalization may overflow float16, and no calibration shows that it does not"
    assert _kept(_plan(parse(RISKY))) == {"LayerNormalization": reason}
    assert _kept(_plan(parse(RISKY), BFLOAT16)) == {}


@pytest.mark.parametrize(("largest", "stays"), [(180.0, False), (182.0, True)])
def test_a_record_decides_on_squares(largest: float, stays: bool) -> None:
    """The square of what a normalization reads stays below half of 65504."""
    kept = _kept(_plan(parse(RISKY), ranges={"x": 1, "m": largest, "n": 4, "y": 3}))
    assert kept == (
        {"LayerNormalization": f"its inner numbers may reach {largest**2:.3g}; "
         f"its input reaches {largest:.3g}"} if stays else {}
    )  # fmt: skip


@pytest.mark.parametrize(("largest", "stays"), [(32000.0, False), (33000.0, True)])
def test_values_keep_a_margin_of_two(largest: float, stays: bool) -> None:
    model = parse(
        """(float[2,4] x) => (float[2,4] y) <float[4,4] w, float[4,4] v>
        { m = MatMul(x, w) t = Tanh(m) y = MatMul(t, v) }"""
    )
    kept = _kept(_plan(model, ranges={"x": 1, "m": largest, "t": 1, "y": 1}))
    assert kept == (
        {"Gemm": f"its output 'm' reaches {largest:.3g}",
         "Tanh": f"its input 'm' reaches {largest:.3g}"} if stays else {}
    )  # fmt: skip


@pytest.mark.parametrize(
    ("operator", "fits", "breaks"),
    [
        ("ReduceSum<keepdims = 1>(m)", 500, 520),
        ("ReduceMean<keepdims = 1>(m)", 500, 520),
        ("ReduceL1<keepdims = 1>(m)", 500, 520),
        ("ReduceSumSquare<keepdims = 1>(m)", 22, 23),
        ("ReduceL2<keepdims = 1>(m)", 22, 23),
        ("Exp(m)", 10.3, 10.5),
        ("Pow(m, three)", 31, 33),
        ("ReduceProd(m)", 1, 1.5),
    ],
)
def test_what_overflows_inside(operator: str, fits: float, breaks: float) -> None:
    model = parse(
        f"""(float[4,16] x) => (float[A,B] y) <float[16,16] w, float three = {{3.0}}>
        {{ m = MatMul(x, w) r = {operator} y = Tanh(r) }}"""
    )
    name = operator.split("<")[0].split("(")[0]
    assert name in _kept(_plan(model))
    assert name not in _kept(_plan(model, ranges={"x": 1, "m": fits, "r": 1, "y": 1}))
    kept = _kept(_plan(model, ranges={"x": 1, "m": breaks, "r": 1, "y": 1}))
    assert kept[name].startswith("its inner numbers may reach")


def test_only_the_reduced_axes_are_added_up() -> None:
    model = parse(
        """(float[1000,4] x) => (float[1000,1] y) <int64[1] axes = {1}, float[4,4] w>
        { m = MatMul(x, w) y = ReduceSum(m, axes) }"""
    )
    assert _kept(_plan(model, ranges={"x": 1, "m": 100, "y": 1})) == {}


def test_weights_beyond_float16() -> None:
    model = parse("(float[2,4] x) => (float[2,4] y) <float[4,4] w> { m = Gemm(x, w) y = Tanh(m) }")
    weight = np.eye(4, dtype=np.float32)
    for largest, stays in ((65504.0, False), (65600.0, True)):
        weight[1, 2] = -largest
        set_weight(model, "w", weight)
        kept = _kept(_plan(model))
        assert ("Gemm" in kept) is stays
        if stays:
            assert kept["Gemm"] == "its constant 'w' holds 6.56e+04, beyond float16"
        assert _kept(_plan(model, BFLOAT16)) == {}


@pytest.mark.parametrize(
    ("scale", "reason"),
    [
        (1e-3, None),
        (1e-6, "its constant 'w' is too small for float16, which loses 2% of it"),
        (1e-12, "its constant 'w' is too small for float16, which loses 100% of it"),
        (1e-25, "its constant 'w' is too small for float16, which loses 100% of it"),
    ],
)
def test_weights_too_small(scale: float, reason: str | None) -> None:
    model = parse("(float[2,64] x) => (float[2,64] y) <float[64,64] w> { y = MatMul(x, w) }")
    random = np.random.default_rng(0).standard_normal((64, 64))
    set_weight(model, "w", (random * scale).astype(np.float32))
    assert _kept(_plan(model)) == ({} if reason is None else {"Gemm": reason})


def test_masks_are_no_overflow() -> None:
    """Neither the largest finite numbers nor infinities keep anything in float32."""
    model = parse(
        """(float[2,4] x, bool[2,4] c) => (float[2,4] y)
        <float low = {-3.4028234663852886e38}, float[4,4] w>
        { m = MatMul(x, w) l = Constant<value_float = -inf>() a = Where(c, m, low)
          b = Where(c, a, l) y = Softmax(b) }"""
    )
    assert _kept(_plan(model)) == {}


def test_patterns_find_names_and_types() -> None:
    model = parse(
        """(float[2,4] x) => (float[2,4] y) <float[4,4] w, float[4,4] v>
        { [encoder_first] m = MatMul(x, w) [activation] t = Tanh(m) [head] y = MatMul(t, v) }"""
    )
    asked = "it was asked for with `float_layers`"
    assert {n.node for n in _plan(model, keep=["encoder"]).kept_float} == {"encoder_first"}
    assert _kept(_plan(model, keep=["^Tanh$"])) == {"Tanh": asked}
    both = _plan(model, keep=["head", "Tan"])
    assert [(node.node, node.reason) for node in both.kept_float] == [
        ("activation", asked),
        ("head", asked),
    ]


def test_patterns_find_types_that_preparation_changes() -> None:
    model = parse(
        """(float[2,4] x) => (float[2,4] y) <float[4,4] w, float[4] b>
        { [a] m = MatMul(x, w) t = Tanh(m) [b] p = MatMul(t, w) [c] y = Add(p, b) }"""
    )
    for pattern in ("^MatMul$", "^[ab]$"):
        kept = _plan(model, keep=[pattern]).kept_float
        assert [node.op_type for node in kept if "asked for" in node.reason] == ["Gemm", "Gemm"]


def test_patterns_that_fail() -> None:
    model = parse("(float[2,4] x) => (float[2,4] y) { y = Tanh(x) }")
    with pytest.raises(UsageError, match=r"not a regular expression: '\('"):
        _plan(model, keep=["("])
    with pytest.raises(UsageError, match="matches no node name and no operator: 'decoder'"):
        _plan(model, keep=["Tanh", "decoder"])


def test_everything_kept_is_an_error(tmp_path: Path) -> None:
    path = save(parse("(float[2,4] x) => (float[2,4] y) { y = Tanh(x) }"), tmp_path)
    with pytest.raises(NothingQuantized, match="no operator can compute in fp16"):
        qconv.convert(path, tmp_path / "y.onnx", settings=HalfSettings(float_layers=("Tanh",)))
    assert not (tmp_path / "y.onnx").exists()


@pytest.mark.parametrize(
    ("opset", "text", "operator", "dtype"),
    [
        (13, "c = CumSum(m, axis) y = Tanh(c)", "CumSum", "float16"),
        (13, "c = CumSum(m, axis) y = Tanh(c)", "CumSum", "bfloat16"),
        (17, 'c = Einsum<equation = "ij->ji">(m) y = Tanh(c)', "Einsum", "bfloat16"),
        (17, "d = DequantizeLinear(q, one, zero) y = Add(m, d)", "DequantizeLinear", "float16"),
    ],
)
def test_what_the_schema_forbids(opset: int, text: str, operator: str, dtype: str) -> None:
    model = parse(
        f"""(float[4,4] x, uint8[4,4] q) => (float[4,4] y)
        <float[4,4] w, int64 axis = {{1}}, float one = {{1.0}}, uint8 zero = {{0}}>
        {{ m = MatMul(x, w) {text} }}""",
        opset=opset,
    )
    kept = _kept(_plan(model, FLOAT16 if dtype == "float16" else BFLOAT16))
    assert kept[operator] == f"ONNX defines no {dtype} {operator} at opset {opset}"


def test_other_reasons() -> None:
    model = parse(
        """(float[2,4] x) => (float[2,4] y, float[2,4] z, float[2,4] u)
        <float[4,4] w, int64 i = {0}>
        { m = MatMul(x, w) g = com.microsoft.Gelu(m) y = MatMul(g, w)
          r = RandomNormal<shape = [2,4]>() z = MatMul(r, w)
          s = SequenceConstruct(m, m) a = SequenceAt(s, i) u = MatMul(a, w) }"""
    )
    kept = _kept(_plan(model))
    assert kept == {
        "Gelu": "com.microsoft.Gelu is not a standard operator",
        "RandomNormal": "ONNX Runtime generates no float16 numbers",
        "SequenceConstruct": "sequences and optional values stay in float32",
        "SequenceAt": "sequences and optional values stay in float32",
    }


def test_what_follows_an_unknown_operator_stays() -> None:
    model = parse(
        """(float[2,4] x) => (float[2,4] y) <float[4,4] w>
        { m = MatMul(x, w) g = com.microsoft.Unknown(m) y = MatMul(g, w) }"""
    )
    assert {node.reason for node in _plan(model).kept_float} == {
        "com.microsoft.Unknown is not a standard operator",
        "the type of its input 'g' is unknown",
    }


COUNTING = """(float[N,4] x) => (float[N,4] y) <float[4,4] w, float[4] f = {1, 0.1, 0.01, 0.001},
    int64 zero = {0}, int64 one = {1}, int64[1] last = {1}>
    { s = Shape(x) n = Gather(s, zero) p = Range(zero, n, one) c = Unsqueeze(p, last)
      d = Cast<to = 1>(c) a = Mul(d, f) e = Sin(a) m = MatMul(x, w) y = Add(m, e) }"""


def test_positions_stay() -> None:
    for dtype, largest in ((FLOAT16, 2048), (BFLOAT16, 256)):
        reason = (
            f"it works on sizes or positions, and {dtype.name.lower()} is exact only up to "
            f"{largest}"
        )
        assert _kept(_plan(parse(COUNTING, opset=22), dtype)) == dict.fromkeys(
            ("Cast", "Mul", "Sin"), reason
        )


@pytest.mark.parametrize(("largest", "stays"), [(2048.0, False), (2049.0, True)])
def test_large_integers_stay(largest: float, stays: bool) -> None:
    model = parse(
        """(int64[2,4] i, float[2,4] x) => (float[2,4] y) <float[4,4] w, float f = {0.001}>
        { d = Cast<to = 1>(i) a = Mul(d, f) e = Sin(a) m = MatMul(x, w) y = Add(m, e) }"""
    )
    ranges = {"d": largest, "x": 1.0, "a": 1.0, "e": 1.0, "m": 1.0, "y": 1.0}
    kept = _kept(_plan(model, ranges=ranges))
    assert set(kept) == ({"Cast", "Mul", "Sin"} if stays else set())


def test_sandwiched_operators_stay() -> None:
    model = parse(
        """(float[2,4] x) => (float[2,4] y) <float[4,4] w, float[4,4] v, float one = {1.0}>
        { m = MatMul(x, w) [k1] a = Tanh(m) b = Sigmoid(a) c = Sqrt(b) [k2] d = Tanh(c)
          y = MatMul(d, v) }"""
    )
    reason = "it would cost Casts between operators that stay in float32"
    assert _kept(_plan(model, keep=["k1", "k2"])) == {
        "Tanh": "it was asked for with `float_layers`",
        "Sigmoid": reason,
        "Sqrt": reason,
    }
    assert _kept(_plan(model, keep=["k1"])) == {"Tanh": "it was asked for with `float_layers`"}


def test_products_are_not_kept_to_save_casts() -> None:
    model = parse(
        """(float[2,4] x) => (float[2,4] y) <float[4,4] w, float[4,4] v>
        { m = MatMul(x, w) [k1] a = Tanh(m) b = MatMul(a, v) [k2] d = Tanh(b) y = MatMul(d, v) }"""
    )
    assert set(_kept(_plan(model, keep=["k"]))) == {"Tanh"}
