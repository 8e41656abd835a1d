"""A Plan can be read, changed and converted; what it says is what the file holds."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import onnx
import pytest
from onnx import TensorProto

import qconv
from qconv.errors import UsageError
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
    assert made.plan.nodes["second"].reason == "it is kept in float, as asked for"
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
        (foreign, "the plan is one of another model: "),
        (half, "the plan is a PrecisionPlan, and these settings take a Plan"),
        (
            replace(plan, layers={**plan.layers, "first": layer}),
            "the weight of 'first' is uint8 in the plan; a layer that computes in integers takes "
            "int8, int7, int4, with one scale or one for each output channel",
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
