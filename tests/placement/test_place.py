"""What is quantized, how, and why the rest is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from qconv.errors import NothingQuantized
from qconv.graph.model_io import load_model
from qconv.graph.prepare import prepare
from qconv.numerics.number_types import INT8, UINT8
from qconv.numerics.schemes import PerAxis, PerTensor, Scheme
from qconv.placement.place import place
from qconv.placement.plan import Plan, ValuePlan, count_nodes
from qconv.placement.requirements import require_quantized
from qconv.placement.targets.ort_cpu import ORT_CPU
from tests.model_helpers import parse, save

WEIGHTS = "float[8, 4, 3, 3] w, float[8] b, float[8, 8, 3, 3] w2, float[8] b2, float[8, 8, 1, 1] w1"
SAME = "<pads = [1, 1, 1, 1]>"
BLOCK = (
    f"a = Conv{SAME}(x, w, b) r = Relu(a) c = Conv{SAME}(r, w2, b2) s = Add(c, r) t = Relu(s) "
    "p = MaxPool<kernel_shape = [2, 2]>(t) y = Conv(p, w1)"
)
NO_KERNEL = "ONNX Runtime's CPU provider has no integer kernel for"
INFINITE = float("inf")


def plan_of(
    body: str,
    folder: Path,
    *,
    weights: str = "",
    inputs: str = "float[N, 4, H, W] x",
    outputs: str = "float[M, 8, K, L] y",
    opset: int = 17,
) -> Plan:
    text = f"({inputs}) => ({outputs}) <{WEIGHTS}{weights and ', '}{weights}> {{ {body} }}"
    model = parse(text, opset=opset)
    for node in model.graph.node:
        node.name = f"to_{node.output[0]}"
    return place(prepare(load_model(save(model, folder)).ir), ORT_CPU)


def placed(plan: Plan) -> dict[str, str]:
    """Return for each operator why it stays in float, or nothing where it does not."""
    assert all(node.quantized == (node.reason == "") for node in plan.nodes.values())
    return {name.removeprefix("to_"): node.reason for name, node in plan.nodes.items()}


class TestResidualBlock:
    @pytest.fixture
    def plan(self, tmp_path: Path) -> Plan:
        return plan_of(BLOCK, tmp_path)

    def test_every_operator_runs_in_integers(self, plan: Plan) -> None:
        assert placed(plan) == dict.fromkeys("arcstpy", "")
        assert [node.op_type for node in plan.quantized] == [
            *["Conv", "Relu", "Conv", "Add", "Relu", "MaxPool", "Conv"]
        ]
        assert plan.kept_float == ()

    def test_what_a_relu_takes_in_is_not_quantized_before_it(self, plan: Plan) -> None:
        assert list(plan.values) == ["x", "r", "c", "t", "p", "y"]

    def test_activations_are_asymmetric_bytes(self, plan: Plan) -> None:
        assert {value.scheme for value in plan.values.values()} == {
            Scheme(UINT8, symmetric=False, granularity=PerTensor())
        }

    def test_a_relu_bounds_its_range(self, plan: Plan) -> None:
        bounds = {name: value.bounds for name, value in plan.values.items()}
        assert bounds["r"] == bounds["t"] == bounds["p"] == (0, INFINITE)
        assert bounds["x"] == bounds["c"] == bounds["y"] == (-INFINITE, INFINITE)

    def test_a_pool_hands_on_scale_and_zero_point(self, plan: Plan) -> None:
        assert {name: value.params_from for name, value in plan.values.items()} == {
            **{name: name for name in "xrcty"},
            "p": "t",
        }

    def test_only_the_input_is_left_as_it_is_made(self, plan: Plan) -> None:
        assert [name for name, value in plan.values.items() if not value.emitted] == ["x"]

    def test_the_channels_of_what_layers_read_are_known(self, plan: Plan) -> None:
        axes = {name: value.channel_axis for name, value in plan.values.items()}
        assert axes == {"x": 1, "r": 1, "c": None, "t": None, "p": 1, "y": None}
        assert all(value.maps for value in plan.values.values())

    def test_layers(self, plan: Plan) -> None:
        first, second, third = plan.layers.values()
        assert (
            first.node,
            first.input,
            first.weight,
            first.bias,
            first.bias_node,
            first.output,
        ) == (*("to_a", "x", "w", "b", "to_a", "r"),)
        assert first.weight_scheme == Scheme(INT8, symmetric=True, granularity=PerAxis(0))
        assert (second.node, second.output) == ("to_c", "c")
        assert (third.bias, third.bias_node, third.output) == (None, "to_y", "y")

    def test_inputs_that_are_read_in_integers(self, plan: Plan) -> None:
        assert plan.inputs == {
            "to_a": (0,),
            "to_c": (0,),
            "to_s": (0, 1),
            "to_p": (0,),
            "to_y": (0,),
        }

    def test_the_target_is_named(self, plan: Plan) -> None:
        assert plan.target is ORT_CPU


GROUPS = {
    "reshape and transpose": (
        "a = Conv(x, w) q = Flatten(a) t = Transpose(q) y = Tanh(t)",
        "float[K, M] y",
        {"q": "a", "t": "a"},
    ),
    "split": (
        "a = Conv(x, w) p, q = Split<axis = 1>(a, h) y = Concat<axis = 1>(q, p)",
        "float[M, 8, K, L] y",
        {"p": "a", "q": "a"},
    ),
    "pool of the input": (
        "q = MaxPool<kernel_shape = [2, 2]>(x) c = Conv(x, w) d = Conv(q, w) "
        "e = GlobalAveragePool(c) f = GlobalAveragePool(d) y = Add(e, f)",
        "float[M, 8, K, L] y",
        {"q": "x"},
    ),
}


@pytest.mark.parametrize("name", GROUPS)
def test_values_that_share_scale_and_zero_point(tmp_path: Path, name: str) -> None:
    body, outputs, groups = GROUPS[name]
    plan = plan_of(body, tmp_path, outputs=outputs, weights="int64[2] h = {4, 4}")
    shared = {v.name: v.params_from for v in plan.values.values() if v.params_from != v.name}
    assert shared == groups


def test_a_clip_bounds_its_range(tmp_path: Path) -> None:
    plan = plan_of(
        "a = Conv(x, w) y = Clip(a, l, h)", tmp_path, weights="float l = {-1}, float h = {3}"
    )
    assert plan.values["y"].bounds == (-1, 3)


def test_products_give_integers_only_where_they_are_wanted(tmp_path: Path) -> None:
    plan = plan_of(
        "a = Gemm(x, m, n) r = Relu(a) c = Gemm(r, m, n) y = Tanh(c)",
        tmp_path,
        inputs="float[N, 8] x",
        outputs="float[N, 8] y",
        weights="float[8, 8] m, float[8] n",
    )
    assert list(plan.values) == ["x", "r"]
    first, second = plan.layers.values()
    assert (first.output, second.output) == ("r", None)
    assert first.weight_scheme.granularity == second.weight_scheme.granularity == PerAxis(1)
    assert [value.channel_axis for value in plan.values.values()] == [-1, -1]
    assert not any(value.maps for value in plan.values.values())


def test_a_gemm_of_turned_weights_has_its_channels_in_rows(tmp_path: Path) -> None:
    plan = plan_of(
        "y = Gemm<transB = 1>(x, m)",
        tmp_path,
        inputs="float[N, 8] x",
        outputs="float[N, 6] y",
        weights="float[6, 8] m",
    )
    (layer,) = plan.layers.values()
    assert layer.weight_scheme.granularity == PerAxis(0)


@pytest.mark.parametrize(
    ("shape", "held"), [("8", True), ("1, 8", True), ("1", True), ("5, 8", False)]
)
def test_the_bias_that_an_add_holds_for_a_product(tmp_path: Path, shape: str, held: bool) -> None:
    plan = plan_of(
        "a = MatMul(x, m) y = Add(n, a)",
        tmp_path,
        inputs="float[N, 5, 4] x",
        outputs="float[N, 5, 8] y",
        weights=f"float[4, 8] m, float[{shape}] n",
    )
    (layer,) = plan.layers.values()
    assert (layer.bias, layer.bias_node) == (("n", "to_y") if held else (None, None))


def test_tokens_have_their_channels_last_and_are_no_maps(tmp_path: Path) -> None:
    plan = plan_of(
        "y = MatMul(x, m)",
        tmp_path,
        inputs="float[N, T, 4] x",
        outputs="float[N, T, 8] y",
        weights="float[4, 8] m",
    )
    assert plan.values["x"] == ValuePlan(
        name="x",
        scheme=ORT_CPU.activations["uint8"],
        params_from="x",
        bounds=(-INFINITE, INFINITE),
        channel_axis=-1,
        maps=False,
        emitted=False,
        constant=False,
        ranges_axis=-1,
    )


def test_a_constant_operand_is_quantized_too(tmp_path: Path) -> None:
    plan = plan_of(
        "a = Conv(x, w) p = MaxPool<kernel_shape = [2, 2]>(a) s = Mul(p, k) r = Relu(s) "
        "y = Conv(r, w1)",
        tmp_path,
        weights="float[8, 1, 1] k",
    )
    assert [name for name, value in plan.values.items() if value.constant] == ["k"]
    assert plan.inputs["to_s"] == (0, 1)


REASONS = {
    "c": ("c = Conv(x, m)", "its weight is computed at run time"),
    "d": ("d = Conv(x, w, n)", "its bias is computed at run time"),
    "e": (
        "e = MatMul(x, m)",
        "it multiplies two activations; only products with weights are quantized",
    ),
    "f": ("f = Tanh(x)", f"{NO_KERNEL} Tanh"),
    "g": ("g = com.microsoft.Gelu(x)", f"{NO_KERNEL} com.microsoft.Gelu"),
    "h": ("h = Softmax(x)", "probabilities need more than 8 bits, so it is left in float"),
    "j": ("q = Relu(x) j = Add(q, q)", "it reads the output of Relu, which is in float"),
    "k": ("k = Add(x, n)", "it reads an input of the model, which is in float"),
    "o": ("o = Clip(x, v)", "its bounds are computed at run time"),
    "p": ("p = Add(big, x)", "its constant 'big' holds NaN, Inf or a sentinel"),
    "r": ("r = Gather(table, index)", "its data is a constant table"),
    "s": (
        's = Resize<mode = "cubic">(x,, up)',
        "its mode is cubic; the integer kernel needs nearest",
    ),
    "t": ("t = LayerNormalization(x, one, one)", "it is faster and more exact as one float kernel"),
}


@pytest.mark.parametrize("name", REASONS)
def test_reasons(tmp_path: Path, name: str) -> None:
    body, reason = REASONS[name]
    plan = plan_of(
        f"y = Conv{SAME}(x, w) {body}",
        tmp_path,
        inputs="float[N, 4, H, W] x, float[8, 4, W, 4] m, float[8] n, float v, int64[2] index",
        outputs=f"float[M, 8, K, L] y, float[] {name}",
        weights="float big = {-3.4e38}, float[9, 4] table, float[1] one, "
        "float[4] up = {1, 1, 2, 2}",
    )
    assert placed(plan)[name] == reason
    assert placed(plan)["y"] == ""


def test_broken_constants_are_no_operands(tmp_path: Path) -> None:
    plan = plan_of(
        "a = Conv(x, w) s = Add(a, a) y = Add(s, k)", tmp_path, weights="float[1] k = {inf}"
    )
    assert placed(plan) == {"a": "", "s": "", "y": "its constant 'k' holds NaN, Inf or a sentinel"}


def test_the_same_model_gives_the_same_plan(tmp_path: Path) -> None:
    assert plan_of(BLOCK, tmp_path) == plan_of(BLOCK, tmp_path)


def test_nodes_are_counted_by_operator_and_reason(tmp_path: Path) -> None:
    plan = plan_of("a = Conv(x, w) c = Tanh(a) d = Tanh(c) e = Exp(d) y = Conv(e, w1)", tmp_path)
    assert count_nodes(plan.kept_float) == {
        ("Tanh", f"{NO_KERNEL} Tanh"): (2, "to_c"),
        ("Exp", f"{NO_KERNEL} Exp"): (1, "to_e"),
    }


def test_a_plan_without_integers_is_refused_with_its_reasons(tmp_path: Path) -> None:
    plan = plan_of("a = Tanh(x) c = Tanh(a) y = Exp(c)", tmp_path, outputs="float[N, 4, H, W] y")
    with pytest.raises(NothingQuantized) as caught:
        require_quantized(plan, "model.onnx")
    assert str(caught.value) == (
        "model.onnx: nothing can be quantized for ort-cpu; "
        f"2 x Tanh: {NO_KERNEL} Tanh; 1 x Exp: {NO_KERNEL} Exp"
    )
