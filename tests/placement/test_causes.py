"""What is counted, and where it begins that an operator stays in float."""

from __future__ import annotations

from pathlib import Path

from qconv.placement.plan import causes
from tests.placement.test_place import placed, plan_of


def test_inputs_that_hold_nothing_and_are_no_data_are_no_matter(tmp_path: Path) -> None:
    resize = 'Resize<coordinate_transformation_mode = "asymmetric", nearest_mode = "floor">'
    plan = plan_of(
        f"a = Conv(x, w) r = {resize}(a, none, twice) y = Conv(r, w1)",
        tmp_path,
        weights="float[0] none, float[4] twice = {1, 1, 2, 2}",
    )
    assert placed(plan) == {"a": "", "r": "", "y": ""}


def test_work_on_sizes_integers_and_truth_values_is_no_matter(tmp_path: Path) -> None:
    body = "i = Shape(x) l = Add(i, i) b = Equal(l, i) q = Cast<to = 9>(l) y = Conv(x, w)"
    assert placed(plan_of(body, tmp_path)) == {"y": ""}


def test_what_stays_in_float_is_told_by_where_that_begins(tmp_path: Path) -> None:
    body = "t = Tanh(x) a = Relu(t) b = Mul(a, a) c = Exp(b) d = Neg(c) y = Conv(d, w)"
    plan = plan_of(body, tmp_path)
    assert {name: plan.nodes[f"to_{name}"].behind for name in "tabcd"} == {
        **dict.fromkeys("tcd", ""),
        **dict.fromkeys("ab", "to_t"),
    }
    assert [(each.op_type, each.count, each.behind) for each in causes(plan.kept_float)] == [
        ("Tanh", 1, 2),
        ("Exp", 1, 0),
        ("Neg", 1, 0),
    ]
