"""INT8 quantized at run time in branches of If and in bodies of Loop and Scan."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.model_helpers import parse
from tests.rewrite.dynamic_helpers import close, converted, running

BODY = "MatMul(s, w)"
CONTROL = {
    "if": "(float[N, 64] x, bool c) => (float[N, 64] y) {{ y = If(c) "
    "<then_branch = a () => (float[N, 64] t) {{ {w} t = MatMul(x, w) }}, "
    "else_branch = b () => (float[N, 64] e) {{ {v} e = MatMul(x, v) }}> }}",
    "loop": "(float[N, 64] x) => (float[N, 64] y) <int64 n = {{2}}, bool go = {{1}}> "
    "{{ y = Loop(n, go, x) <body = l (int64 i, bool on, float[N, 64] s) => "
    "(bool more, float[N, 64] r) {{ {w} more = Identity(on) p = MatMul(s, w) r = Tanh(p) }}> }}",
    "scan": "(float[N, 64] x, float[S, N, 64] z) => (float[N, 64] y, float[S, N, 64] all) "
    "{{ y, all = Scan(x, z) <num_scan_inputs = 1, body = b (float[N, 64] s, float[N, 64] e) => "
    "(float[N, 64] r, float[N, 64] o) "
    "{{ {w} m = Add(s, e) p = MatMul(m, w) r = Tanh(p) o = Identity(r) }}> }}",
    "if in a loop": "(float[N, 64] x, bool c) => (float[N, 64] y) "
    "<int64 n = {{2}}, bool go = {{1}}> "
    "{{ y = Loop(n, go, x) <body = l (int64 i, bool on, float[N, 64] s) => "
    "(bool more, float[N, 64] r) {{ more = Identity(on) {w} r = If(c) "
    "<then_branch = a () => (float[N, 64] t) {{ p = MatMul(s, w) t = Tanh(p) }}, "
    "else_branch = b () => (float[N, 64] e) {{ q = MatMul(x, w) e = Tanh(q) }}> }}> }}",
}


def constant(name: str, seed: int) -> str:
    numbers = np.random.default_rng(seed).standard_normal(4096) / 8
    return (
        f"{name} = Constant<value = float[64, 64] {{{', '.join(f'{n:.6f}' for n in numbers)}}}>()"
    )


@pytest.mark.parametrize("name", CONTROL)
@pytest.mark.parametrize("opset", [11, 17, 24])
def test_bodies(tmp_path: Path, name: str, opset: int) -> None:
    text = CONTROL[name].format(w=constant("w", 1), v=constant("v", 2))
    model = parse(text, opset=opset)
    conversion = converted(model, tmp_path)
    close(model, conversion, least=22.0)
    found = running(conversion.path, tmp_path)
    assert "DynamicQuantizeMatMul" in found
    assert "MatMul" not in found
    assert conversion.size_bytes < 0.45 * len(model.SerializeToString())


def test_weights_of_the_main_graph_that_a_body_reads(tmp_path: Path) -> None:
    text = CONTROL["if"].format(w="", v="").replace("y) {", "y) <float[64, 64] w> {", 1)
    model = parse(text.replace("(x, v)", "(x, w)"))
    conversion = converted(model, tmp_path)
    close(model, conversion)
    assert conversion.size_bytes < 0.45 * len(model.SerializeToString())
