"""A model that is run piece by piece reads the same as one that is run whole."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx_ir as ir
import pytest

from qconv.calibration.paired import SideBySide
from qconv.calibration.walk import Walk
from qconv.graph.model_io import load_model
from qconv.graph.prepare import prepare
from qconv.placement.inputs import layer_inputs
from tests.model_helpers import Array, Feeds, Listed, parse, random_feeds, run, save

TEXT = """(float[N, 3, 8, 8] x, float[N, 4] late, bool flag) => (float[N, 4] y) <
  float[4, 3, 3, 3] w1, float[4, 4, 1, 1] w2, float[4, 4] w3, float[4, 4] w4, float[4, 4] w5> {
  a = Conv<pads = [1, 1, 1, 1]>(x, w1) r = Relu(a) b = Conv(r, w2) s = Add(b, r)
  g = GlobalAveragePool(s) f = Flatten(g) p = MatMul(f, w3)
  i = If(flag) <then_branch = t () => (float[N, 4] q) { q = Add(p, f) },
                else_branch = e () => (float[N, 4] k) { k = Mul(p, f) }>
  m = MatMul(i, w4) n = Add(m, late) y = MatMul(n, w5) }"""


@pytest.fixture
def net(tmp_path: Path) -> ir.Model:
    return prepare(load_model(save(parse(TEXT), tmp_path)).ir)


def feeds(count: int = 4) -> list[Feeds]:
    made = random_feeds(parse(TEXT), {"N": (1,)}, count=count)
    return [{**feed, "flag": np.array(index % 2 == 0)} for index, feed in enumerate(made)]


def layers(model: ir.Model) -> list[str]:
    return [str(node.name) for node in model.graph if node.op_type in ("Conv", "MatMul", "Gemm")]


def same(found: Any, expected: Any) -> None:
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def read_by(model: ir.Model, layer: str, feed: Feeds) -> Array:
    """What a layer reads where the whole model runs."""
    whole = model.clone()
    (value,) = [node.inputs[0] for node in whole.graph if node.name == layer]
    assert value is not None
    whole.graph.outputs[:] = [value]
    (array,) = run(ir.to_proto(whole), feed).values()
    return array


def test_each_layer_reads_the_same_and_the_input_is_read_once(net: ir.Model) -> None:
    walk, names, (feed, other) = Walk(net), layers(net), feeds(2)
    held = [feed, other]
    fed = []
    for name in names:
        piece = walk.piece(name, stop=name)
        found = [piece.run(values, hold=True) for values in held]
        for own, (array, _) in zip((feed, other), found, strict=True):
            same(array, read_by(net, name, own))
        held = [values for _, values in found]
        walk.advance(piece)
        fed.append(set(piece.fed))
    assert [bool(own & {"x"}) for own in fed] == [False, True, False, False, False]
    assert fed[-1] >= {"late"}


def test_what_is_not_held_is_run_again(net: ir.Model) -> None:
    walk, (feed,) = Walk(net), feeds(1)
    for name in layers(net):
        array, held = walk.piece(name, stop=name).run(feed, hold=False)
        assert held == {}
        same(array, read_by(net, name, feed))


def test_nothing_is_held_beyond_what_may_still_change(net: ir.Model) -> None:
    walk, (first, *_, last), (feed,) = Walk(net), layers(net), feeds(1)
    _, held = walk.piece(last, stop=first).run(feed, hold=True)
    assert set(held) == {"x", "late", "flag"}


@pytest.mark.parametrize("room", [0.0, 600.0, 1e9])
def test_looks_are_the_same_however_much_is_held(net: ir.Model, room: float) -> None:
    source = Listed(feeds())
    other = net.clone()
    for node in other.graph:
        if node.op_type == "Relu":
            node.op_type = "Abs"
    inputs = {name: own for own in layer_inputs(net) for name in own.nodes}
    whole, pieces = (SideBySide(net, other, source, size) for size in (0.0, room))
    for name in layers(net):
        expected = whole.look(name, inputs[name], 4, unfinished=name)
        found = pieces.look(name, inputs[name], 4, unfinished=name)
        assert len(found.exact) == len(found.quantized) == 4
        for side in ("exact", "quantized"):
            pairs = zip(getattr(expected, side), getattr(found, side), strict=True)
            for left, right in pairs:
                same(left, right)
        drift = expected.moments.drift(centred=True)
        same(found.moments.drift(centred=True), drift)
    assert np.abs(drift).max() > 0
