"""Tables that hold the matrix of a product: stored once, unless the plan says otherwise."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import onnx

import qconv
from qconv.placement.stored_weights import WeightOnlyPlan
from tests.model_helpers import parse, save, set_weight


def test_a_tied_table_is_stored_as_the_plan_says(tmp_path: Path) -> None:
    text = """(int64[N] ids) => (float[N,512] y) <float[512,64] table, float[64,512] head>
    { h = Gather(table, ids) r = Relu(h) y = MatMul(r, head) }"""
    proto = parse(text)
    arrays = {t.name: onnx.numpy_helper.to_array(t) for t in proto.graph.initializer}
    set_weight(proto, "head", arrays["table"].T.copy())
    path, output = save(proto, tmp_path), tmp_path / "out.onnx"
    settings = qconv.WeightOnlySettings("int4")
    plan = qconv.plan(path, settings)
    assert isinstance(plan, WeightOnlyPlan)
    by_name = {weight.weight: weight for weight in plan.weights}
    assert by_name["table"].tied_to == "head"
    assert by_name["table"].scheme == by_name["head"].scheme
    eight = qconv.Scheme(qconv.INT8, symmetric=True, granularity=qconv.PerAxis(0))
    changed = replace(
        plan,
        weights=tuple(
            replace(weight, scheme=eight) if weight.weight == "table" else weight
            for weight in plan.weights
        ),
    )
    usual = qconv.convert(path, output, settings=settings)
    made = qconv.convert(path, output, settings=settings, plan=changed, force=True)
    assert made.size_bytes > usual.size_bytes + 512 * 64 // 2
