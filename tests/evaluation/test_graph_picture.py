from pathlib import Path

import numpy as np
import onnx

from qconv.evaluation.file_contents import read_contents
from qconv.evaluation.graph_picture import graph_picture
from qconv.graph.model_io import read_model
from qconv.graph.prepare import normalize
from qconv.reporting.picture_data import Island, Picture
from qconv.runtime.audit import audit_fusion
from tests.evaluation.report_helpers import run
from tests.model_helpers import convert_model, parse, random_feeds, save

NET = """(float[N,4,8,8] x) => (float[N,6] y) <float[8,4,3,3] w, float[8] b, float[8,8,3,3] v,
    float[8] c, float[8,6] g> {
  a = Conv<pads=[1,1,1,1]>(x, w, b) r = Relu(a) e = Erf(r) s = Conv<pads=[1,1,1,1]>(e, v, c)
  t = Add(s, r) p = GlobalAveragePool(t) f = Flatten<axis=1>(p) y = MatMul(f, g) }"""


def picture(path: Path) -> Picture:
    audit = audit_fusion(path)
    (feed,) = random_feeds(onnx.load(path), count=1)
    kept = read_contents(path, feed, audit, variant=True).kept_float
    reasons = {each.node: each.reason for each in (*kept, *audit.misses)}
    return graph_picture(normalize(read_model(path)), reasons)


def test_islands_of_a_converted_model(tmp_path: Path) -> None:
    found = picture(convert_model(parse(NET), tmp_path).path)
    first, erf, last = found.islands
    assert (first.kind, dict(first.operators)) == ("integer", {"Conv": 1, "Relu": 1})
    assert (erf.kind, dict(erf.operators)) == ("float", {"Erf": 1})
    assert erf.reason == "1 Erf: ONNX Runtime's CPU provider has no integer kernel for Erf"
    assert last.kind == "integer"
    assert last.operators["Conv"] == last.operators["Add"] == 1
    assert set(found.edges) == {(0, 1), (0, 2), (1, 2)}


def test_a_float_model_is_one_island(tmp_path: Path) -> None:
    (island,) = picture(save(parse(NET), tmp_path)).islands
    assert island == Island(
        "2 Conv, 1 Relu, 1 Erf, 4 more",
        "float",
        {"Conv": 2, "Relu": 1, "Erf": 1, "Add": 1, "GlobalAveragePool": 1, "Flatten": 1,
         "MatMul": 1},
        "",
    )  # fmt: skip


def test_what_the_runtime_does_not_fuse_is_float_and_says_why(tmp_path: Path) -> None:
    text = """(float[N,4] x) => (float[N,4] y, float[N,4] m) <int8[4,4] w> {
      s = Constant<value_float=0.1>() z = Constant<value=int8 {0}>()
      q = QuantizeLinear(x, s, z) d = DequantizeLinear(q, s, z) e = DequantizeLinear(w, s, z)
      m = MatMul(d, e) a = QuantizeLinear(m, s, z) b = DequantizeLinear(a, s, z) y = Erf(b) }"""
    path = save(parse(text), tmp_path)
    audit = audit_fusion(path)
    found = picture(path)
    kinds = {op: island.kind for island in found.islands for op in island.operators}
    assert kinds["Erf"] == "float"
    assert kinds["MatMul"] == ("float" if audit.misses else "integer")
    for miss in audit.misses:
        assert any(miss.reason in island.reason for island in found.islands)


def test_a_body_counts_as_one_operator(tmp_path: Path) -> None:
    text = """(float[N,4] x, bool c) => (float[N,4] y) {
      a = Tanh(x)
      b = If (c) <then_branch = t () => (float[N,4] p) { o = Erf(a) p = Exp(o) },
                  else_branch = e () => (float[N,4] q) { q = Sin(a) }>
      n = Not(c) f = Cast<to=1>(n) y = Mul(b, f) }"""
    found = picture(save(parse(text), tmp_path))
    counts = {op: count for island in found.islands for op, count in island.operators.items()}
    assert counts == {"Tanh": 1, "If": 1, "Mul": 1, "Cast": 1, "Not": 1}
    assert {island.kind for island in found.islands if "Not" in island.operators} == {"other"}
    assert {island.kind for island in found.islands if "If" in island.operators} == {"float"}


def test_sizes_are_no_data(tmp_path: Path) -> None:
    """A shape that is computed from a value does not cut the islands that it is read in."""
    text = """(float[N,4,2] x) => (float[A,B] y) {
      a = Tanh(x) h = Shape(a) i = Constant<value_ints=[0]>() n = Gather(h, i)
      m = Constant<value_ints=[-1]>() s = Concat<axis=0>(n, m) r = Reshape(a, s) y = Exp(r) }"""
    (island,) = picture(save(parse(text), tmp_path)).islands
    assert dict(island.operators) == {"Tanh": 1, "Reshape": 1, "Exp": 1}


def test_a_model_without_operators_has_no_islands(tmp_path: Path) -> None:
    model = parse("(float[N] x) => (float[2] y) { y = Constant<value_floats=[1., 2.]>() }")
    assert picture(save(model, tmp_path)) == Picture((), ())


def test_it_is_part_of_the_details(tmp_path: Path) -> None:
    model = parse("(float[N,6] x) => (float[N,6] y) { a = Tanh(x) y = Exp(a) }")
    path = save(model, tmp_path)
    assert run(path, path).variants[0].picture is None
    found = run(path, path, details=True).variants[0].picture
    assert found is not None
    assert [island.label for island in found.islands] == ["1 Tanh, 1 Exp"]


def test_many_islands_are_folded_to_a_page(tmp_path: Path) -> None:
    steps = [f"t{n} = Tanh(v{n}) v{n + 1} = MatMul(t{n}, w)" for n in range(40)]
    text = f"(float[N,4] v0) => (float[N,4] v40) <float[4,4] w> {{ {' '.join(steps)} }}"
    model = parse(text)
    onnx.save(model, tmp_path / "deep.onnx")
    found = picture(convert_model(tmp_path / "deep.onnx", tmp_path,
                                  feeds=[{"v0": np.ones((1, 4), np.float32)}]).path)  # fmt: skip
    assert len(found.islands) <= 60
    assert sum(sum(island.operators.values()) for island in found.islands) == 80
