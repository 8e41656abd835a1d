"""The fusion audit of files of any origin."""

from __future__ import annotations

from pathlib import Path

import onnx
import pytest

from qconv.errors import ModelError
from qconv.reporting.contents import FusionAudit
from qconv.runtime.audit import audit_fusion
from tests.model_helpers import parse, save

IMAGE = "float[1, 8, 6, 6] x"
MAP = "float[1, 8, 6, 6] y"
PARAMS = (
    "float s = {0.02}, uint8 z = {128}, uint8 lowest = {0}, uint16 z16 = {32768}, "
    "int8[8, 8, 1, 1] w, int8[8, 8, 1, 1] v, float t = {0.01}, int8 o = {0}, float[8, 8, 1, 1] f"
)
X = "qx = QuantizeLinear(x, s, z) dx = DequantizeLinear(qx, s, z)"
W = "dw = DequantizeLinear(w, t, o)"
Y = "qy = QuantizeLinear(a, s, z) y = DequantizeLinear(qy, s, z)"


def audit(
    body: str,
    folder: Path,
    *,
    inputs: str = IMAGE,
    outputs: str = MAP,
    opset: int = 17,
    ir: int = 8,
) -> FusionAudit:
    model = parse(f"({inputs}) => ({outputs}) <{PARAMS}> {{ {body} }}", opset=opset, ir=ir)
    used = {name for node in model.graph.node for name in node.input}
    kept = [tensor for tensor in model.graph.initializer if tensor.name in used]
    del model.graph.initializer[:]
    model.graph.initializer.extend(kept)
    return audit_fusion(save(model, folder))


FUSED = {
    "convolution": (f"{X} {W} a = Conv(dx, dw) {Y}", {"Conv": (1, 1)}),
    "convolution and relu": (
        f"{X} {W} c = Conv(dx, dw) a = Relu(c) qy = QuantizeLinear(a, s, lowest) "
        "y = DequantizeLinear(qy, s, lowest)",
        {"Conv": (1, 1)},
    ),
    "sum": (f"{X} a = Add(dx, dx) {Y}", {"Add": (1, 1)}),
    "pool that hands integers on": (
        f"{X} a = MaxPool<kernel_shape = [1, 1]>(dx) {Y}",
        {"MaxPool": (1, 1)},
    ),
    "two in a row": (
        f"{X} {W} a = Conv(dx, dw) qa = QuantizeLinear(a, s, z) da = DequantizeLinear(qa, s, z) "
        "dv = DequantizeLinear(v, t, o) b = Conv(da, dv) qb = QuantizeLinear(b, s, z) "
        "y = DequantizeLinear(qb, s, z)",
        {"Conv": (2, 2)},
    ),
    "operators of integers": (
        f"{X} qy = QLinearConv(qx, s, z, w, t, o, s, z) y = DequantizeLinear(qy, s, z)",
        {"QLinearConv": (1, 1)},
    ),
    "what has no kernel at all does not count": (
        f"{X} {W} a = Conv(dx, dw) qa = QuantizeLinear(a, s, z) da = DequantizeLinear(qa, s, z) "
        "b = Tanh(da) qb = QuantizeLinear(b, s, z) y = DequantizeLinear(qb, s, z)",
        {"Conv": (1, 1)},
    ),
}


@pytest.mark.parametrize("name", FUSED)
def test_what_runs_in_integers(tmp_path: Path, name: str) -> None:
    body, by_op = FUSED[name]
    found = audit(body, tmp_path)
    assert found.by_op == by_op
    assert found.misses == ()
    assert found.integer == found.quantized == sum(total for total, _ in by_op.values())


MISSED = {
    "a weight alone": (f"{W} y = Conv(x, dw)", MAP, "Conv", "its input 'x' is not quantized"),
    "no Q behind": (
        f"{X} {W} y = Conv(dx, dw)",
        MAP,
        "Conv",
        "its output is also an output of the model",
    ),
    "read in float": (
        f"{X} {W} a = Conv(dx, dw) y = Tanh(a)",
        MAP,
        "Conv",
        "its output is not quantized",
    ),
    "an output of the model": (
        f"{X} {W} a = Conv(dx, dw) {Y}",
        f"{MAP}, float[1, 8, 6, 6] a",
        "Conv",
        "its output is also an output of the model",
    ),
    "two readers": (
        f"{X} {W} a = Conv(dx, dw) {Y} b = Tanh(a)",
        f"{MAP}, float[1, 8, 6, 6] b",
        "Conv",
        "its output is read 2 times; the runtime needs one QuantizeLinear there",
    ),
    "a sum with a float operand": (
        f"{X} a = Add(dx, f1) {Y}",
        MAP,
        "Add",
        "its input 'f1' is not quantized",
    ),
    "a relu that Q does not cover": (
        f"{X} {W} c = Conv(dx, dw) a = Relu(c) {Y}",
        MAP,
        "Conv",
        "the QuantizeLinear after its Relu covers more numbers than Relu gives",
    ),
    "activations of 16 bits": (
        f"qx = QuantizeLinear(x, s, z16) dx = DequantizeLinear(qx, s, z16) {W} a = Conv(dx, dw) "
        "qy = QuantizeLinear(a, s, z16) y = DequantizeLinear(qy, s, z16)",
        MAP,
        "Conv",
        "the runtime has no integer kernel for Conv with these types or attributes",
    ),
    "a pool with other scales": (
        f"{X} a = MaxPool<kernel_shape = [1, 1]>(dx) qy = QuantizeLinear(a, t, z) "
        "y = DequantizeLinear(qy, t, z)",
        MAP,
        "MaxPool",
        "the runtime has no integer kernel for MaxPool with these types or attributes",
    ),
    "a split with a part unused": (
        f"{X} a, b = Split<axis = 1, num_outputs = 2>(dx) {Y}",
        "float[1, 4, 6, 6] y",
        "Split",
        "one of its outputs is unused; the runtime needs a QuantizeLinear at each",
    ),
}


@pytest.mark.parametrize("name", MISSED)
def test_what_does_not_run_in_integers_and_why(tmp_path: Path, name: str) -> None:
    body, outputs, op, reason = MISSED[name]
    inputs = f"{IMAGE}, float[1, 8, 6, 6] f1" if "f1" in body else IMAGE
    found = audit(body, tmp_path, inputs=inputs, outputs=outputs, opset=21, ir=10)
    (miss,) = found.misses
    assert (miss.op, miss.reason) == (op, reason)
    assert found.by_op == {op: (1, 0)}
    assert (found.quantized, found.integer) == (1, 0)


def test_a_float_model_has_nothing_to_audit(tmp_path: Path) -> None:
    assert audit("y = Conv(x, f)", tmp_path) == FusionAudit(0, 0, {}, ())


def test_nameless_nodes_are_named_after_their_outputs(tmp_path: Path) -> None:
    found = audit(f"{X} {W} a = Conv(dx, dw) y = Tanh(a)", tmp_path)
    assert [miss.node for miss in found.misses] == ["Conv:a"]


def test_operators_in_subgraphs_are_left_out(tmp_path: Path) -> None:
    body = (
        f"{X} y = If (c) <then_branch = yes () => (float[1, 8, 6, 6] p) {{ p = Add(dx, dx) }}, "
        "else_branch = no () => (float[1, 8, 6, 6] q) { q = Neg(dx) }>"
    )
    assert audit(body, tmp_path, inputs=f"{IMAGE}, bool c").quantized == 0


def test_external_data(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    model = parse(
        f"({IMAGE}) => ({MAP}) <{PARAMS}> {{ {X} {W} a = Conv(dx, dw) {Y} }}", opset=21, ir=10
    )
    path = tmp_path / "elsewhere" / "model.onnx"
    onnx.save(model, path, save_as_external_data=True, location="weights.bin", size_threshold=0)
    found = audit_fusion(path)
    assert (found.quantized, found.integer) == (1, 1)
    assert sorted(file.name for file in path.parent.iterdir()) == ["model.onnx", "weights.bin"]


def test_a_model_that_the_runtime_rejects(tmp_path: Path) -> None:
    body = f"{X} a = AveragePool<kernel_shape = [2, 2], dilations = [2, 2]>(dx) {Y}"
    with pytest.raises(ModelError, match="ONNX Runtime cannot load it"):
        audit(body, tmp_path, outputs="float[1, 8, 4, 4] y", opset=21, ir=10)
