"""Rules for single layers, as texts and on plans."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import qconv
from qconv.errors import UsageError
from qconv.numerics.schemes import PerAxis, PerBlock, PerTensor
from qconv.placement.plan import Plan
from qconv.placement.stored_weights import WeightOnlyPlan
from qconv.recipe.layer_rule import LayerRule, layer_rules
from tests.model_helpers import data, parse, random_feeds, save

TEXT = """(float[N,64] x) => (float[N,64] y) <float[64,64] w, float[64,64] v, float[64,64] u> {
  a = MatMul(x, w) b = Relu(a) c = MatMul(b, v) d = Add(c, b) e = MatMul(d, u) y = Relu(e) }"""


@pytest.fixture
def model(tmp_path: Path) -> Path:
    proto = parse(TEXT)
    for node in proto.graph.node:
        node.name = f"net/{node.output[0]}"
    return save(proto, tmp_path)


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("head=float", LayerRule("head", "float")),
        ("a=b = INT4:32", LayerRule("a=b", "int4", 32)),
        ("x=int8:Tensor", LayerRule("x", "int8", "tensor")),
        ("x=uint2 : channel", LayerRule("x", "uint2", "channel")),
    ],
)
def test_a_rule(text: str, rule: LayerRule) -> None:
    if text.endswith(": channel"):
        text = text.replace(" :", ":")
    assert layer_rules([text]) == (rule,)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("head", "`layers` 'head' is not of the form REGEX=TYPE"),
        ("=float", "`layers` '=float' is not of the form REGEX=TYPE"),
        ("head=", "`layers` 'head=' is not of the form REGEX=TYPE"),
        ("(=float", "`layers`: '(' is not a regular expression: "),
        ("x=int9", "`layers` 'x=int9': the type is 'int9'; it must be float, int8, "),
        ("x=int4:0", "`layers` 'x=int4:0': a scale is for a tensor, a channel, or a number of"),
        ("x=int4:row", "`layers` 'x=int4:row': a scale is for a tensor, a channel, or a number of"),
    ],
)
def test_what_is_no_rule(text: str, told: str) -> None:
    for settings in (qconv.Int8Settings, qconv.WeightOnlySettings, qconv.HalfSettings):
        with pytest.raises(UsageError) as caught:
            settings(layers=(text,))
        assert str(caught.value).startswith(told)


def test_layers_of_integers(model: Path) -> None:
    rules = ("net/a=int4", "MatMul|Gemm=int8:tensor", "net/d=float")
    plan = qconv.plan(model, qconv.Int8Settings(layers=rules))
    assert isinstance(plan, Plan)
    assert {node.node for node in plan.kept_float} >= {"net/d"}
    schemes = [layer.weight_scheme for layer in plan.layers.values()]
    assert [scheme.dtype.name for scheme in schemes] == ["int4", "int8", "int8"]
    assert [scheme.granularity for scheme in schemes] == [PerAxis(1), PerTensor(), PerTensor()]


def test_stored_weights(model: Path) -> None:
    rules = ("net/a=float", "net/c=int8", "net/e=uint2:16")
    plan = qconv.plan(model, qconv.WeightOnlySettings("int4", layers=rules))
    assert isinstance(plan, WeightOnlyPlan)
    assert [(w.weight, w.scheme.dtype.name, w.scheme.granularity) for w in plan.weights] == [
        ("v", "int8", PerAxis(0)),
        ("u", "uint2", PerBlock(16)),
    ]


def test_the_file_is_what_the_plan_says(model: Path) -> None:
    feeds = data(random_feeds(parse(TEXT), count=8))
    by_rule = qconv.convert(
        model, model.with_name("rule.onnx"), data=feeds, layers=["net/c=float", "net/a=int4"]
    )
    plan = qconv.plan(model)
    assert isinstance(plan, Plan)
    plan = plan.in_float("net/c").with_weights(qconv.INT4, "net/a")
    by_plan = qconv.convert(model, model.with_name("plan.onnx"), data=feeds, plan=plan)
    assert by_rule.plan.nodes == by_plan.plan.nodes
    assert by_rule.size_bytes < qconv.convert(model, data=feeds).size_bytes + 4 * 64 * 64
    half = qconv.convert(model, dtype="fp16", layers="Relu=float")
    assert {node.op_type for node in half.plan.kept_float} == {"Relu"}


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"layers": "Conv=float"}, "`layers`: 'Conv' matches no operator"),
        ({"layers": ["a=float", "net/a=int4"]}, "`layers`: 'net/a' matches no"),
        ({"layers": "Add=int4"}, "`layers`: 'Add' matches no operator"),
        ({"layers": "net/a=uint2"}, "the weight of 'net/a' is uint2 in the plan; as a layer of"),
        ({"layers": "net/a=int8:32"}, "the weight of 'net/a' is symmetric with blocks of 32 in"),
        ({"layers": "net/a=int4", "dtype": "fp16"}, "`layers`: 'net/a' matches no"),
        ({"layers": "net/a=int4:7", "dtype": "int4"}, "the weight 'w' has blocks of 7 in the plan"),
        ({"layers": "net/a=float", "dtype": "fp32"}, "`layers` needs "),
    ],
)
def test_what_cannot_be(model: Path, options: dict[str, Any], told: str) -> None:
    feeds = None if "dtype" in options else data(random_feeds(parse(TEXT), count=2))
    with pytest.raises(UsageError) as caught:
        qconv.convert(model, data=feeds, **options)
    assert str(caught.value).startswith(told)
