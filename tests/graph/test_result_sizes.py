"""Models of a few bytes that ask for gigabytes: nothing is computed that large."""

from __future__ import annotations

import time
import tracemalloc
from pathlib import Path

import numpy as np
import onnx_ir as ir
import pytest

from qconv.graph.model_io import load_model
from qconv.graph.prepare import prepare
from qconv.graph.result_sizes import expected_results
from tests.model_helpers import parse, save

HUGE = 200_000_000


@pytest.mark.parametrize(
    "call",
    [
        "Range(zero, huge, one)",
        "ConstantOfShape <value = int64[1] {1}> (huges)",
        "Expand(ones, huges)",
        "Tile(ones, huges)",
        "Pad(ones, pads)",
        "OneHot(one, huge, pair)",
    ],
)
def test_a_constant_that_would_be_huge_is_not_computed(tmp_path: Path, call: str) -> None:
    """Data are not propagated either: shape inference would make a dimension of each element."""
    path = save(
        parse(
            f"(int64[N] x) => (int64[M] y) <int64 zero = {{0}}, int64 one = {{1}}, "
            f"int64[1] ones = {{1}}, int64 huge = {{{HUGE}}}, int64[1] huges = {{{HUGE}}}, "
            f"int64[2] pads = {{0, {HUGE}}}, int64[2] pair = {{0, 1}}> "
            f"{{ c = {call} d = Add(c, c) y = Concat <axis = 0> (x, d) }}"
        ),
        tmp_path,
    )
    start = time.perf_counter()
    tracemalloc.start()
    model = prepare(load_model(path).ir)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert {call.split("(")[0].split()[0], "Add", "Concat"} == {n.op_type for n in model.graph}
    assert peak < 10_000_000
    assert time.perf_counter() - start < 5


def test_small_ones_are_computed_until_all_of_them_are_large(tmp_path: Path) -> None:
    count = 300
    body = " ".join(f"c{i} = ConstantOfShape(size) y{i} = Mul(x, c{i})" for i in range(count))
    outputs = ", ".join(f"float[262144] y{i}" for i in range(count))
    text = f"(float[262144] x) => ({outputs}) <int64[1] size = {{262144}}> {{ {body} }}"
    model = prepare(load_model(save(parse(text), tmp_path)).ir)
    kept = sum(node.op_type == "ConstantOfShape" for node in model.graph)
    assert kept == count - 256  # a MiB each


def _node(op: str, inputs: int) -> ir.Node:
    values = [ir.Value(name=f"i{index}") for index in range(inputs)]
    node = ir.node(op, values)
    node.outputs[0].name = "o"
    return node


@pytest.mark.parametrize(
    ("op", "arrays", "shapes"),
    [
        ("Range", [np.int64(3), np.int64(10), np.int64(3)], [(3,)]),
        ("Range", [np.int32(10), np.int32(0), np.int32(-1)], [(10,)]),
        ("Range", [np.float32(0), np.float32(1e30), np.float32(1e-5)], [(10**35,)]),
        ("Range", [np.int64(3), np.int64(10), np.int64(0)], [(0,)]),
        ("Tile", [np.ones((2, 3), np.float32), np.array([2, 10**6])], [(4, 3 * 10**6)]),
        ("Add", [np.ones((9, 1), np.float32), np.ones((1, 7), np.float32)], [(9, 7)]),
        ("NonZero", [np.ones((9, 1), np.float32)], []),
        ("Reshape", [np.ones((9, 2), np.float32), np.array([3, -1])], [(3, 6)]),
        ("Reshape", [np.ones((9, 2), np.float32), np.array([4, -1])], None),
        ("Nothing", [np.ones((9, 2), np.float32)], None),
    ],
)
def test_results_are_known_before(
    op: str, arrays: list[np.ndarray], shapes: list[tuple[int, ...]] | None
) -> None:
    named = {f"i{index}": np.asarray(array) for index, array in enumerate(arrays)}
    found = expected_results(_node(op, len(arrays)), named, {"": 17})
    if shapes is None:
        assert found is None
        return
    assert found is not None
    for result, shape in zip(found, shapes, strict=True):
        assert result.shape == pytest.approx(shape, rel=1e-6)
