"""Where Q and DQ stand, what they hold, and that the runtime computes what they say."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from qconv.recipe.settings import Int8Settings
from tests.model_helpers import Array, Converted, convert_model, parse, random_feeds, run

SAME = "<pads = [1, 1, 1, 1]>"
WEIGHTS = "float[8, 4, 3, 3] w, float[8] b, float[8, 8, 3, 3] w2, float[8] b2"
SIZES = {"N": (1,), "H": (9,), "W": (11,), "T": (5,)}


def convert_text(
    body: str,
    folder: Path,
    *,
    weights: str = WEIGHTS,
    inputs: str = "float[N, 4, H, W] x",
    outputs: str = "float[M, 8, K, L] y",
    settings: Int8Settings | None = None,
) -> Converted:
    model = parse(f"({inputs}) => ({outputs}) <{weights}> {{ {body} }}")
    return convert_model(model, folder, axes=SIZES, settings=settings)


def lines(model: onnx.ModelProto) -> list[str]:
    """Return the nodes as text, constants without their numbers: ``r = Relu(a)``."""
    short = {"QuantizeLinear": "Q", "DequantizeLinear": "DQ"}
    calls = [
        f"{short.get(node.op_type, node.op_type)}({', '.join(node.input)})"
        for node in model.graph.node
    ]
    outputs = [", ".join(node.output) for node in model.graph.node]
    return [f"{left} = {right}" for left, right in zip(outputs, calls, strict=True)]


def constants(model: onnx.ModelProto) -> dict[str, Array]:
    return {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}


def q(name: str, params: str | None = None) -> str:
    return f"{name}/quantized = Q({name}, {params or name}/scale, ZERO)"


def dq(name: str, params: str | None = None) -> str:
    return f"{name}/dequantized = DQ({name}/quantized, {params or name}/scale, ZERO)"


def shape_of(found: Converted) -> list[str]:
    """Return the lines with all zero points called ZERO, as they are shared by their value."""
    proto = found.proto()
    result = []
    for line in lines(proto):
        for name in constants(proto):
            if name.startswith("zero_point/"):
                line = line.replace(name, "ZERO")
        result.append(line)
    return result


def test_two_convolutions(tmp_path: Path) -> None:
    found = convert_text(f"a = Conv{SAME}(x, w, b) r = Relu(a) y = Conv{SAME}(r, w2, b2)", tmp_path)
    model = found.proto()
    first, second = (node.name for node in model.graph.node if node.op_type == "Conv")
    assert set(shape_of(found)) == {
        q("x"),
        dq("x"),
        "w/dequantized = DQ(w/quantized, w/scale, ZERO)",
        f"{first}/bias_dequantized = DQ({first}/bias_quantized, {first}/bias_scale)",
        f"a = Conv(x/dequantized, w/dequantized, {first}/bias_dequantized)",
        "r = Relu(a)",
        q("r"),
        dq("r"),
        "w2/dequantized = DQ(w2/quantized, w2/scale, ZERO)",
        f"{second}/bias_dequantized = DQ({second}/bias_quantized, {second}/bias_scale)",
        f"y/float = Conv(r/dequantized, w2/dequantized, {second}/bias_dequantized)",
        "y/quantized = Q(y/float, y/scale, ZERO)",
        "y = DQ(y/quantized, y/scale, ZERO)",
    }


def test_types_and_shapes_of_the_constants(tmp_path: Path) -> None:
    found = convert_text(f"y = Conv{SAME}(x, w, b)", tmp_path)
    stored = {
        name: (array.dtype.name, array.shape) for name, array in constants(found.proto()).items()
    }
    (conv,) = (node.name for node in found.proto().graph.node if node.op_type == "Conv")
    zero_points = {name: what for name, what in stored.items() if name.startswith("zero_point")}
    assert set(zero_points.values()) == {("uint8", ()), ("int8", (8,))}
    assert {name: what for name, what in stored.items() if name not in zero_points} == {
        "x/scale": ("float32", ()),
        "y/scale": ("float32", ()),
        "w/quantized": ("int8", (8, 4, 3, 3)),
        "w/scale": ("float32", (8,)),
        f"{conv}/bias_quantized": ("int32", (8,)),
        f"{conv}/bias_scale": ("float32", (8,)),
    }


def test_the_scale_of_a_bias_is_the_product_of_input_and_weight(tmp_path: Path) -> None:
    found = convert_text(f"y = Conv{SAME}(x, w, b)", tmp_path)
    stored = constants(found.proto())
    (name,) = (name for name in stored if name.endswith("bias_scale"))
    np.testing.assert_array_equal(stored[name], stored["x/scale"] * stored["w/scale"])
    restored = stored[name.replace("scale", "quantized")] * stored[name]
    model = parse(f"(float[1] x) => (float[1] x) <{WEIGHTS}> {{ }}")
    np.testing.assert_allclose(restored, constants(model)["b"], atol=0.05)


@pytest.mark.parametrize(
    ("op", "shape", "axis"), [("Gemm", "6, 8", 1), ("Gemm<transB = 1>", "8, 6", 0)]
)
def test_the_axis_of_a_weight_is_that_of_its_outputs(
    tmp_path: Path, op: str, shape: str, axis: int
) -> None:
    found = convert_text(
        f"y = {op}(x, m)",
        tmp_path,
        weights=f"float[{shape}] m",
        inputs="float[N, 6] x",
        outputs="float[N, 8] y",
    )
    (node,) = (node for node in found.proto().graph.node if node.output[0] == "m/dequantized")
    assert [attribute.i for attribute in node.attribute if attribute.name == "axis"] == [axis]
    assert constants(found.proto())["m/scale"].shape == (8,)


def test_each_value_has_one_quantize_and_branches_share_it(tmp_path: Path) -> None:
    found = convert_text(
        f"a = Conv{SAME}(x, w, b) c = Conv{SAME}(a, w2, b2) y = Add(a, c)", tmp_path
    )
    readers = [line for line in shape_of(found) if "a/dequantized" in line.split(" = ")[1]]
    assert len(readers) == 2
    assert sum(line.endswith("Q(a, a/scale, ZERO)") for line in shape_of(found)) == 1


def test_what_moves_integers_shares_scale_and_zero_point(tmp_path: Path) -> None:
    found = convert_text(
        f"a = Conv{SAME}(x, w, b) p = MaxPool<kernel_shape = [2, 2]>(a) "
        f"t = Transpose<perm = [0, 1, 3, 2]>(p) y = Conv{SAME}(t, w2)",
        tmp_path,
    )
    assert {q("p", "a"), dq("p", "a"), q("t", "a"), dq("t", "a")} <= set(shape_of(found))


def test_a_constant_operand_is_stored_as_integers(tmp_path: Path) -> None:
    found = convert_text(
        f"a = Conv{SAME}(x, w, b) p = MaxPool<kernel_shape = [2, 2]>(a) s = Mul(p, k) "
        f"r = Sigmoid(s) y = Conv{SAME}(r, w2)",
        tmp_path,
        weights=f"{WEIGHTS}, float[8, 1, 1] k",
    )
    assert constants(found.proto())["k/quantized"].dtype == np.uint8
    assert "s = Mul(p/dequantized, k/dequantized)" in shape_of(found)
    assert "k" not in constants(found.proto())


def test_a_float_reader_sees_the_rounded_value(tmp_path: Path) -> None:
    found = convert_text(f"a = Conv{SAME}(x, w, b) y = Tanh(a)", tmp_path)
    assert "y = Tanh(a/dequantized)" in shape_of(found)


def test_an_input_stays_float_for_its_float_readers(tmp_path: Path) -> None:
    found = convert_text(
        f"a = Conv{SAME}(x, w, b) y = Relu(a) z = Tanh(x)",
        tmp_path,
        outputs="float[M, 8, K, L] y, float[N, 4, H, W] z",
    )
    assert "z = Tanh(x)" in shape_of(found)


def test_a_weight_that_a_float_operator_reads_is_kept(tmp_path: Path) -> None:
    found = convert_text(
        f"a = Conv{SAME}(x, w, b) y = Relu(a) z = Mul(u, w)",
        tmp_path,
        inputs="float[N, 4, H, W] x, float[8, 4, 3, 3] u",
        outputs="float[M, 8, K, L] y, float[8, 4, 3, 3] z",
    )
    assert {"w", "w/quantized"} <= set(constants(found.proto()))
    assert "z = Mul(u, w)" in shape_of(found)


def test_a_shared_weight_is_stored_once(tmp_path: Path) -> None:
    found = convert_text(
        f"a = Conv{SAME}(x, w, b) c = Conv{SAME}(a, w2) y = Conv{SAME}(c, w2)", tmp_path
    )
    assert [n for n in constants(found.proto()) if "w2" in n and "quantized" in n] == [
        "w2/quantized"
    ]


def test_a_product_with_a_float_result_keeps_its_bias_in_the_sum(tmp_path: Path) -> None:
    found = convert_text(
        "a = MatMul(x, m) s = Add(a, n) y = Tanh(s)",
        tmp_path,
        weights="float[6, 8] m, float[8] n",
        inputs="float[N, T, 6] x",
        outputs="float[N, T, 8] y",
        settings=Int8Settings(format="qdq"),
    )
    assert shape_of(found)[-3:] == [
        "a = MatMul(x/dequantized, m/dequantized)",
        "s = Add(a, n/corrected)",
        "y = Tanh(s)",
    ]


def test_bias_correction_can_be_left_out(tmp_path: Path) -> None:
    text = f"(float[N, 4, H, W] x) => (float[M, 8, K, L] y) <{WEIGHTS}> {{ y = Conv(x, w) }}"
    for correct in (True, False):
        settings = Int8Settings(bias_correction=correct)
        found = convert_model(parse(text), tmp_path, axes=SIZES, settings=settings)
        (conv,) = (node for node in found.proto().graph.node if node.op_type == "Conv")
        assert len(conv.input) == (3 if correct else 2)


def test_names_that_are_taken_are_not_taken_again(tmp_path: Path) -> None:
    text = f"(float[N, 4, H, W] x) => (float[M, 8, K, L] y) <{WEIGHTS}>"
    model = parse(f"{text} {{ a = Conv{SAME}(x, w, b) y = Conv{SAME}(a, w2) }}")
    first, second = model.graph.node
    first.output[0] = second.input[0] = "x/scale"
    found = convert_model(model, tmp_path, axes=SIZES)
    assert found.sqnr["y"] > 30
    assert "x/scale_1" in constants(found.proto())


BODIES = {
    "residual": (
        f"a = Conv{SAME}(x, w, b) r = Relu(a) c = Conv{SAME}(r, w2, b2) s = Add(c, r) y = Relu(s)"
    ),
    "gate": f"a = Conv{SAME}(x, w, b) s = Sigmoid(a) r = Mul(a, s) y = Conv{SAME}(r, w2, b2)",
    "pools": (
        f"a = Conv{SAME}(x, w, b) p = MaxPool<kernel_shape = [2, 2]>(a) "
        "q = AveragePool<kernel_shape = [2, 2]>(p) y = Concat<axis = 2>(q, q)"
    ),
}


@pytest.mark.parametrize("name", BODIES)
def test_fused_kernels_compute_what_the_file_says(tmp_path: Path, name: str) -> None:
    """The float meaning of Q and DQ, and what the integer kernels make of it, differ by a step."""
    found = convert_text(BODIES[name], tmp_path)
    step = float(constants(found.proto())["y/scale"])
    for feed in random_feeds(parse("(float[N, 4, H, W] x) => (float[1] x) { }"), SIZES, count=3):
        meant, computed = (run(found.path, feed, optimized=on)["y"] for on in (False, True))
        assert np.abs(meant - computed).max() <= 1.01 * step
        assert np.abs(meant - computed).mean() < 0.05 * step
