"""qconv convert --plan: what a search has chosen, made again; and plans that cannot be obeyed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from qconv.conversions.plan_file import PlanFile
from qconv.graph.model_io import load_model
from qconv.recipe.settings import Int8Settings
from tests.cli.cli_helpers import Qconv


@pytest.mark.parametrize(
    ("change", "code", "message"),
    [
        ({"model": "0" * 64}, 3, "plan.json: was made for another model (it has 000000000000,"),
        ({"schema": 9}, 3, "it has schema 9; this qconv reads 2"),
        ({"forms": {"Conv:a": "int3"}}, 3, "no layer has the form 'int3'"),
        ({"forms": {"nowhere": "float"}}, 2, "the plan has no operator 'nowhere'"),
        ({"settings": {"effort": "most"}}, 2, "`effort` is 'most'"),
        ({"kind": "sparse"}, 3, "no file is of the kind 'sparse'"),
        (
            {"kind": "dynamic", "forms": {"Conv:a": "float"}},
            3,
            "its layers have forms, and its kind 'dynamic' has none",
        ),
        ({"settings": {"speed": 1}}, 2, "the plan has the unknown setting 'speed'"),
        ({"forms": 3}, 3, "plan.json: not a plan, or a broken one (plan.forms is not an object)"),
    ],
)
def test_plans_that_cannot_be_obeyed(
    qconv: Qconv, net: Path, change: dict[str, object], code: int, message: str
) -> None:
    fingerprint = load_model(net / "net.onnx").fingerprint
    plan = json.loads(PlanFile.of(fingerprint, "ort-cpu", Int8Settings(), {}).text())
    (net / "plan.json").write_text(json.dumps({**plan, **change}))
    said = qconv("convert net.onnx --plan plan.json --data cal.npz -o z.onnx")
    assert said.code == code
    assert message.replace("`", "") in said.err.replace("`", "").replace("--", "")


@pytest.mark.usefixtures("net")
def test_options_that_a_plan_has_decided(qconv: Qconv) -> None:
    said = qconv("convert net.onnx --plan plan.json --effort fast --data cal.npz -o z.onnx")
    assert said.code == 2
    assert "--effort has no effect with --plan, which already sets it" in said.err
    missing = qconv("convert net.onnx --plan none.json --data cal.npz -o z.onnx")
    assert missing.code == 3
    assert "none.json: no such file" in missing.err
