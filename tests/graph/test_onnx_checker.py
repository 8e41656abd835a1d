"""The ONNX checker, on models with operators that only the runtime knows."""

from __future__ import annotations

from pathlib import Path

import pytest

from qconv.errors import ModelError
from qconv.graph.model_io import load_model
from qconv.graph.onnx_checker import check_model
from qconv.graph.validity import require_as_valid
from tests.model_helpers import parse, save

NORM = "(float[N, 8] x) => (float[N, 4] y) <float[8] s, float[8, 4] w> {{ {nodes} }}"
SIMPLIFIED = "n = SimplifiedLayerNormalization(x, s) y = MatMul(n, w)"
BRANCH = """(bool c, float[N, 8] x) => (float[N, 8] y) <float[8] s> { y = If(c) <
    then_branch = t () => (float[N, 8] u) { u = SimplifiedLayerNormalization(x, s) },
    else_branch = e () => (float[N, 8] v) { v = Neg(x) }
> }"""


@pytest.mark.parametrize(
    ("nodes", "opset"),
    [
        (SIMPLIFIED, 17),
        ("n = LayerNormalization(x, s) y = MatMul(n, w)", 13),
        ("t = ThresholdedRelu(x) y = MatMul(t, w)", 9),
    ],
)
def test_operators_of_the_runtime_alone_are_taken(tmp_path: Path, nodes: str, opset: int) -> None:
    path = save(parse(NORM.format(nodes=nodes), opset=opset), tmp_path)
    with pytest.raises(ModelError, match="No Op registered"):
        check_model(path)
    graph = load_model(path).ir.graph
    assert {node.domain for node in graph} == {""}
    assert graph.opset_imports == {"": opset, "com.microsoft": 1}
    require_as_valid(path, path)


def test_they_are_taken_in_bodies(tmp_path: Path) -> None:
    path = save(parse(BRANCH), tmp_path)
    assert load_model(path).ir.graph.num_nodes() == 1
    require_as_valid(path, path)


def test_the_other_operators_are_checked_all_the_same(tmp_path: Path) -> None:
    text = NORM.format(nodes=SIMPLIFIED.replace("MatMul(n, w)", "MatMul(n)"))
    path = save(parse(text), tmp_path)
    with pytest.raises(ModelError, match=r"not a valid ONNX model: Node.*has input size 1"):
        load_model(path)


def test_a_made_model_passes_as_much_as_the_float_model(tmp_path: Path) -> None:
    reference = save(parse(NORM.format(nodes=SIMPLIFIED)), tmp_path, "float.onnx")
    model = parse(NORM.format(nodes=SIMPLIFIED.replace("MatMul(n, w)", "MatMul(n)")))
    made = save(model, tmp_path, "made.onnx")
    with pytest.raises(ModelError, match=r"the ONNX checker rejects it: Node.*has input size 1"):
        require_as_valid(made, reference)
    require_as_valid(reference, made)
