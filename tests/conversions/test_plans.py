"""A Plan can be read, changed and converted; what it says is what the file holds."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import onnx
import pytest
from onnx import TensorProto

import qconv
from qconv.errors import UsageError
from qconv.numerics.stored import STORED_TYPES
from qconv.placement.plan import Decisions, Plan, PrecisionPlan
from qconv.placement.stored_weights import WeightOnlyPlan
from qconv.recipe.settings import Settings
from tests.model_helpers import data, op_types, parse, random_feeds, save

NET = """(float[N,32] x) => (float[N,8] y)
<float[32,64] u, float[64] b, float[64,64] v, float[64] c, float[64,8] w, float[8] d> {
  [first] f = Gemm(x, u, b)
  r = Relu(f)
  [second] s = Gemm(r, v, c)
  t = Relu(s)
  [third] y = Gemm(t, w, d)
}"""
FEEDS = random_feeds(parse(NET))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return save(parse(NET), tmp_path)


def test_a_search_of_twenty_lines(path: Path) -> None:
    """One layer in float and one in four bits, told by public names alone."""
    plan = qconv.plan(path)
    assert isinstance(plan, Plan)
    first, second = plan.layers["first"], plan.layers["second"]
    scheme = replace(first.weight_scheme, dtype=qconv.INT4)
    node = replace(plan.nodes["second"], quantized=False)
    changed = replace(
        plan,
        layers={**plan.layers, "first": replace(first, weight_scheme=scheme)},
        nodes={**plan.nodes, "second": node},
    )
    made = qconv.convert(path, path.with_name("out.onnx"), data=data(FEEDS), plan=changed)
    written = onnx.load(made.path)
    types = {tensor.name: tensor.data_type for tensor in written.graph.initializer}
    assert types[second.weight] == TensorProto.FLOAT
    assert types[f"{first.weight}/quantized"] == TensorProto.INT4
    assert types[f"{plan.layers['third'].weight}/quantized"] == TensorProto.INT8


def test_the_same_in_short(path: Path) -> None:
    plan = qconv.plan(path)
    assert isinstance(plan, Plan)
    short = plan.in_float("second").with_weights(qconv.INT4, "first")
    made = qconv.convert(path, path.with_name("out.onnx"), data=data(FEEDS), plan=short)
    assert not made.plan.nodes["second"].quantized
    assert made.plan.nodes["second"].reason == "it is kept in float, as requested"
    assert isinstance(made.plan, Plan)
    assert made.plan.layers["first"].weight_scheme.dtype == qconv.INT4


def test_activations_of_single_values(path: Path) -> None:
    plan = qconv.plan(path)
    assert isinstance(plan, Plan)
    wide = qconv.Scheme(qconv.INT16, symmetric=True, granularity=qconv.PerTensor())
    value = replace(plan.values["x"], scheme=wide)
    changed = replace(plan, values={**plan.values, "x": value})
    output = path.with_name("out.onnx")
    qconv.convert(path, output, data=data(FEEDS), plan=changed)
    zeros = {
        node.input[0]: node.input[2]
        for node in onnx.load(output).graph.node
        if node.op_type == "QuantizeLinear"
    }
    assert zeros["x"].startswith("zero_point/int16")
    assert not any(name.startswith("zero_point/int16") for at, name in zeros.items() if at != "x")


def test_an_unchanged_plan_changes_no_byte(path: Path) -> None:
    one, other = path.with_name("one.onnx"), path.with_name("other.onnx")
    for settings in (None, qconv.WeightOnlySettings("int4"), qconv.HalfSettings("fp16")):
        asked = data(FEEDS)
        qconv.convert(path, one, data=asked, settings=settings, force=True)
        plan = qconv.plan(path, settings)
        qconv.convert(path, other, data=asked, settings=settings, plan=plan, force=True)
        assert one.read_bytes() == other.read_bytes()


@pytest.mark.parametrize(
    ("settings", "kind"),
    [
        (qconv.DynamicSettings(), Decisions),
        (qconv.WeightOnlySettings("int8"), WeightOnlyPlan),
        (qconv.HalfSettings("fp16"), PrecisionPlan),
        (qconv.HalfSettings("bf16"), PrecisionPlan),
    ],
)
def test_layers_stay_float_in_every_type(
    settings: Settings, kind: type[Decisions], path: Path
) -> None:
    plan = qconv.plan(path, settings)
    assert isinstance(plan, kind)
    assert plan.nodes["second"].quantized
    kept = plan.in_float("second")
    output = path.with_name("out.onnx")
    made = qconv.convert(path, output, settings=settings, plan=kept)
    assert not made.plan.nodes["second"].quantized
    assert made.plan.nodes["first"].quantized
    types = {tensor.name: tensor.data_type for tensor in onnx.load(output).graph.initializer}
    if isinstance(settings, qconv.DynamicSettings):
        assert "MatMulInteger" in op_types(onnx.load(output))
    assert types["v"] == TensorProto.FLOAT


def test_single_weights_are_stored_in_another_type(path: Path) -> None:
    plan = qconv.plan(path, qconv.WeightOnlySettings("int8"))
    assert isinstance(plan, WeightOnlyPlan)
    narrow = qconv.Scheme(qconv.INT4, symmetric=True, granularity=qconv.PerBlock(32))
    changed = replace(
        plan,
        weights=tuple(
            replace(weight, scheme=narrow) if weight.weight == "v" else weight
            for weight in plan.weights
        ),
    )
    output = path.with_name("out.onnx")
    settings = qconv.WeightOnlySettings("int8", format="qdq")
    qconv.convert(path, output, settings=settings, plan=changed)
    found = [tensor.data_type for tensor in onnx.load(output).graph.initializer]
    assert found.count(TensorProto.INT4) == 1
    assert found.count(TensorProto.INT8) == 2


def test_plans_that_cannot_be_obeyed(path: Path) -> None:
    plan = qconv.plan(path)
    assert isinstance(plan, Plan)
    other = parse("(float[N,8] x) => (float[N,8] y) <float[8,8] w> { [alone] y = MatMul(x, w) }")
    foreign = qconv.plan(save(other, path.parent, "other.onnx"))
    half = qconv.plan(path, qconv.HalfSettings("fp16"))
    ternary = replace(plan.layers["first"].weight_scheme, dtype=qconv.UINT8)
    layer = replace(plan.layers["first"], weight_scheme=ternary)
    for given, sentence in (
        (foreign, "the plan is not for this model and these settings: "),
        (half, "the plan is of the type PrecisionPlan, but these settings take a Plan"),
        (
            replace(plan, layers={**plan.layers, "first": layer}),
            "the weight of 'first' is uint8 in the plan; as a layer of integers it takes int8 or "
            "int7 or int4",
        ),
    ):
        with pytest.raises(UsageError) as caught:
            qconv.convert(path, path.with_name("out.onnx"), data=data(FEEDS), plan=given)
        assert sentence in str(caught.value)


def test_a_plan_converts_nothing_that_stays_float(path: Path) -> None:
    text = NET.replace("[third] y = Gemm(t, w, d)", "[third] z = Gemm(t, w, d) y = Sin(z)")
    other = save(parse(text), path.parent, "sin.onnx")
    plan = qconv.plan(other)
    sine = next(node for node in plan.nodes.values() if node.op_type == "Sin")
    wants = replace(plan, nodes={**plan.nodes, sine.node: replace(sine, quantized=True)})
    with pytest.raises(UsageError, match="the plan converts Sin"):
        qconv.convert(other, path.with_name("out.onnx"), data=data(FEEDS), plan=wants)


@pytest.mark.parametrize("name", ["firts", "x" * 40])
def test_names_that_are_not_there(name: str, path: Path) -> None:
    plan = qconv.plan(path)
    assert isinstance(plan, Plan)
    with pytest.raises(UsageError) as caught:
        plan.in_float(name)
    assert str(caught.value).startswith(f"the plan has no operator '{name}'")
    with pytest.raises(UsageError) as caught:
        plan.with_weights(qconv.INT4, name)
    assert str(caught.value).startswith(f"the plan has no layer '{name}'")
    assert ("did you mean 'first'?" in (caught.value.hint or "")) == (name == "firts")


def test_a_plan_keeps_what_the_settings_keep(path: Path) -> None:
    settings = qconv.Int8Settings(float_layers=("^third$",))
    plan = qconv.plan(path, settings)
    assert not plan.nodes["third"].quantized
    made = qconv.convert(
        path,
        path.with_name("out.onnx"),
        data=data(FEEDS),
        settings=settings,
        plan=plan.in_float("first"),
    )
    floats = {node.node for node in made.plan.kept_float}
    assert {"first", "third"} <= floats


def _refused(path: Path, plan: Decisions, settings: Settings | None = None) -> str:
    output = path.with_name("refused.onnx")
    with pytest.raises(UsageError) as caught:
        qconv.convert(path, output, data=data(FEEDS), settings=settings, plan=plan)
    assert not output.exists()
    return str(caught.value)


def test_schemes_that_no_kernel_takes(path: Path) -> None:
    plan = qconv.plan(path)
    assert isinstance(plan, Plan)
    first, value = plan.layers["first"], plan.values["x"]
    for change, sentence in (
        ({"granularity": qconv.PerAxis(0)}, "is symmetric with a scale for each index of axis 0"),
        ({"granularity": qconv.PerBlock(16)}, "is symmetric with blocks of 16"),
        ({"symmetric": False}, "is not symmetric with a scale for each index of axis 1"),
    ):
        layer = replace(first, weight_scheme=replace(first.weight_scheme, **change))
        changed = replace(plan, layers={**plan.layers, "first": layer})
        assert f"the weight of 'first' {sentence} in the plan" in _refused(path, changed)
    wrong = replace(value, scheme=replace(value.scheme, symmetric=True))
    assert _refused(path, replace(plan, values={**plan.values, "x": wrong})).startswith(
        "'x' is uint8, symmetric with one scale, in the plan; ort-cpu takes uint8 or int8 or int16"
    )


def test_what_shares_a_scale_is_changed_where_that_is_made(tmp_path: Path) -> None:
    text = """(float[N,3,8,8] x) => (float[N,5] y) <float[4,3,3,3] w, float[4,5] m>
    { a = Conv(x, w) r = Relu(a) p = MaxPool<kernel_shape = [6, 6]>(r) f = Flatten(p)
      y = MatMul(f, m) }"""
    path = save(parse(text), tmp_path)
    plan = qconv.plan(path)
    assert isinstance(plan, Plan)
    follower = plan.values["p"]
    assert follower.params_from == "r"
    signed = replace(follower.scheme, dtype=qconv.INT8)
    changed = replace(plan, values={**plan.values, "p": replace(follower, scheme=signed)})
    assert _refused(path, changed) == (
        "'p' has scale and zero point of 'r': change the scheme of that one"
    )
    relu = next(node.node for node in plan.nodes.values() if node.op_type == "Relu")
    assert "': keep that one in float" in _refused(path, plan.in_float(relu))


def test_changes_that_a_plan_cannot_take(path: Path) -> None:
    plan = qconv.plan(path)
    assert isinstance(plan, Plan)
    short = {name: layer for name, layer in plan.layers.items() if name != "first"}
    assert "the plan is changed in `layers`" in _refused(path, replace(plan, layers=short))
    assert "the plan is changed in `inputs`" in _refused(path, replace(plan, inputs={}))
    assert "made with other settings" in _refused(path, plan, qconv.Int8Settings(weights="int4"))
    made = qconv.convert(path, path.with_name("made.onnx"), data=data(FEEDS))
    assert "plan" in _refused(path, replace(made.plan, nodes={}))
    target = replace(plan.target, name="mine")
    assert "the plan is for the target mine" in _refused(path, replace(plan, target=target))
    half = qconv.plan(path, qconv.HalfSettings("bf16"))
    fp16 = qconv.HalfSettings("fp16")
    assert _refused(path, half, fp16) == "the plan is for BFLOAT16, not for FLOAT16"


def test_weights_that_cannot_be_stored_like_that(path: Path) -> None:
    settings = qconv.WeightOnlySettings("int8", algorithm="adaround")
    plan = qconv.plan(path, settings)
    assert isinstance(plan, WeightOnlyPlan)
    fp8, wide = STORED_TYPES["fp8e4m3"], qconv.INT16
    for scheme, sentence in (
        (qconv.Scheme(wide, True, qconv.PerAxis(0)), "is int16 in the plan; weights are stored in"),
        (
            qconv.Scheme(qconv.INT4, True, qconv.PerBlock(7)),
            "has blocks of 7 in the plan; it takes 16 or 32",
        ),
        (qconv.Scheme(qconv.INT4, True, qconv.PerAxis(1)), "it takes those of its rows, axis 0"),
        (qconv.Scheme(qconv.INT4, False, qconv.PerAxis(0)), "it has to be symmetric"),
        (qconv.Scheme(fp8, True, qconv.PerAxis(0)), "which `algorithm=adaround` cannot round to"),
    ):
        first, *others = plan.weights
        changed = replace(plan, weights=(replace(first, scheme=scheme), *others))
        assert sentence in _refused(path, changed, settings)
    assert "the plan lacks weights" in _refused(path, replace(plan, weights=()), settings)


def test_sixteen_bits_of_one_value_leave_the_other_products_as_they_are(tmp_path: Path) -> None:
    text = """(float[N,4,64] x) => (float[N,4,64] y) <float[64,64] w, float[64,64] v>
    { h = MatMul(x, w) t = Tanh(h) y = MatMul(t, v) }"""
    proto = parse(text)
    path, output = save(proto, tmp_path), tmp_path / "out.onnx"
    plan = qconv.plan(path)
    assert isinstance(plan, Plan)
    wide = qconv.Scheme(qconv.INT16, symmetric=True, granularity=qconv.PerTensor())
    value = replace(plan.values["x"], scheme=wide)
    changed = replace(plan, values={**plan.values, "x": value})
    qconv.convert(path, output, data=data(random_feeds(proto)), plan=changed)
    assert op_types(onnx.load(output)).count("MatMulIntegerToFloat") == 1
