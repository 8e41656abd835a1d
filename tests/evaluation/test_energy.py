"""Energies worked out by hand: pJ of a multiplication and an addition, of a word of 32 bits."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from qconv.evaluation.file_contents import read_contents
from qconv.graph.model_io import read_model
from qconv.reporting.contents import FloatOperator, FusionAudit
from qconv.reporting.energy_data import Energy
from qconv.runtime.audit import audit_fusion
from tests.model_helpers import Array, parse, save

FEED = {"x": np.ones((1, 4), np.float32)}
FLOAT = "(float[N,4] x) => (float[N,8] y) <float[4,8] w> { y = MatMul(x, w) }"
QDQ = """(float[N,4] x) => (float[N,8] y) <int8[4,8] w, float s = {0.1}, int8 z = {0},
    float t = {0.5}, uint8 u = {0}> {
  q = QuantizeLinear(x, t, u) d = DequantizeLinear(q, t, u) e = DequantizeLinear(w, s, z)
  m = MatMul(d, e) r = QuantizeLinear(m, t, u) y = DequantizeLinear(r, t, u) }"""


def energy(
    text: str,
    folder: Path,
    feed: Mapping[str, Array] = FEED,
    audit: FusionAudit | None = None,
) -> Energy:
    path = save(parse(text), folder)
    found = read_contents(path, feed, audit or audit_fusion(path), variant=True).energy
    assert not found.unknown or found == Energy(unknown=found.unknown)
    return found


def picojoules(found: Energy) -> list[float]:
    return [found.compute_pj, found.weights_pj, found.low_pj, found.high_pj]


def test_a_product_of_floats(tmp_path: Path) -> None:
    """4 x 8 multiplications, 32 weights and 12 activations of four bytes."""
    found = energy(FLOAT, tmp_path)
    assert found.macs == {"float32": 32}
    assert (found.weight_bytes, found.activation_bytes) == (128, 48)
    computed, weights = 32 * 4.6, 32 * 640
    assert picojoules(found) == pytest.approx(
        [computed, weights, computed + weights + 12 * 5, computed + weights + 12 * 640], rel=1e-12
    )


def test_the_same_in_integers(tmp_path: Path) -> None:
    """32 weights of a byte, a scale and a zero point; 12 activations of a byte."""
    found = energy(QDQ, tmp_path)
    assert found.macs == {"int8": 32}
    assert (found.weight_bytes, found.activation_bytes) == (37, 12)
    computed, weights = 32 * 0.3, 37 / 4 * 640
    assert picojoules(found) == pytest.approx(
        [computed, weights, computed + weights + 3 * 5, computed + weights + 3 * 640], rel=1e-12
    )


def test_what_the_audit_saw_in_float_counts_as_float(tmp_path: Path) -> None:
    path = save(parse(QDQ), tmp_path)
    (name,) = (str(node.name) for node in read_model(path).graph if node.op_type == "MatMul")
    miss = FloatOperator(name or "MatMul:m", "MatMul", "no kernel")
    found = energy(QDQ, tmp_path, audit=FusionAudit(1, 0, {"MatMul": (1, 0)}, (miss,)))
    assert found.macs == {"float32": 32}
    assert (found.weight_bytes, found.activation_bytes) == (37, 48)


def test_a_weight_alone_in_integers(tmp_path: Path) -> None:
    text = """(float[N,4] x) => (float[N,8] y) <int8[4,8] w, float s = {0.1}> {
      e = DequantizeLinear(w, s) y = MatMul(x, e) }"""
    found = energy(text, tmp_path)
    assert found.macs == {"float32": 32}
    assert (found.weight_bytes, found.activation_bytes) == (36, 48)


def test_half_precision(tmp_path: Path) -> None:
    found = energy(FLOAT.replace("float[", "float16["), tmp_path)
    assert found.macs == {"float16": 32}
    assert found.compute_pj == pytest.approx(32 * 1.5)
    assert (found.weight_bytes, found.activation_bytes) == (64, 24)


def test_a_convolution_with_a_bias_and_its_batch(tmp_path: Path) -> None:
    """Per image 2 x 3 x 9 multiplications at each of 16 places; 3 and 2 maps of 16 numbers."""
    text = """(float[N,3,4,4] x) => (float[N,2,4,4] y) <float[2,3,3,3] w, float[2] b> {
      c = Conv<pads=[1,1,1,1]>(x, w, b) y = Relu(c) }"""
    for batch in (1, 5):
        found = energy(text, tmp_path, {"x": np.ones((batch, 3, 4, 4), np.float32)})
        assert found.macs == {"float32": batch * 16 * 2 * 27}
        assert found.activation_bytes == batch * (3 + 2) * 16 * 4
        assert found.weight_bytes == (2 * 27 + 2) * 4


def test_shapes_that_only_an_inference_tells(tmp_path: Path) -> None:
    text = """(float[N] x, int64[2] s) => (float[A,B] y) <float[4,8] w> {
      r = Reshape(x, s) y = MatMul(r, w) }"""
    feed = {"x": np.ones(12, np.float32), "s": np.array([3, 4])}
    found = energy(text, tmp_path, feed)
    assert found.macs == {"float32": 3 * 32}
    assert found.activation_bytes == (3 * 4 + 3 * 8) * 4


BODY = """(float[4,4] x, bool c) => (float[4,4] y) <float[4,4] w> {
  y = If (c) <then_branch = t () => (float[4,4] p) { p = MatMul(x, w) },
              else_branch = e () => (float[4,4] q) { q = Relu(x) }> }"""


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("(float[4] x) => (float[4] y) { y = Relu(x) }", "the model has no Conv, Gemm or MatMul"),
        (
            "(float[4,4] x) => (float[4,4] y) { y = Einsum<equation='ij,jk->ik'>(x, x) }".replace(
                "'", '"'
            ),
            "the multiplications in Einsum are not counted",
        ),
        (BODY, "the multiplications of MatMul in a body of If, Loop or Scan are not counted"),
        (
            "(float[1,4] x) => (float[1,4] y) <float[4,4] w> "
            "{ m = MatMul(x, w) y = com.microsoft.Odd(m) }",
            "nothing is known of the operator com.microsoft.Odd",
        ),
        (
            "(double[1,4] x) => (double[1,8] y) <double[4,8] w> { y = MatMul(x, w) }",
            "computes in double, for which there is no figure",
        ),
        (
            "(float[N] x, int64[2] s) => (float[A,B] y) <float[4,8] w> "
            "{ r = Reshape(x, s) y = MatMul(r, w) }",
            "shapes can neither be inferred nor taken from an inference",
        ),
    ],
)
def test_what_is_not_known_says_why(tmp_path: Path, text: str, reason: str) -> None:
    feed = {"x": np.ones(3, np.float32), "s": np.array([2, 2])}
    nothing = FusionAudit(0, 0, {}, ())
    found = energy(text, tmp_path, feed if "s)" in text else {}, audit=nothing)
    assert reason in found.unknown


def test_integers_that_nobody_has_looked_at(tmp_path: Path) -> None:
    found = read_contents(save(parse(QDQ), tmp_path), FEED, None, variant=True).energy
    assert found.unknown == "it was not checked which operators run in integers"
