"""What a change leaves the same, and what not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx_ir as ir
import pytest

from qconv.graph.model_io import read_model
from qconv.runtime.unchanged import compute_the_same
from tests.model_helpers import parse, save


@pytest.mark.parametrize(("factor", "same"), [(1 + 1e-6, True), (1.01, False), (np.nan, False)])
def test_outputs_are_the_same_but_for_rounding(tmp_path: Path, factor: float, same: bool) -> None:
    text = "(float[N, 4] x) => (float[N, 3] y, float[N, 3] z) <float[4, 3] w> "
    text += "{ y = MatMul(x, w) s = Sign(y) z = Log(s) }"
    model = read_model(save(parse(text), tmp_path))

    def change() -> None:
        weight = model.graph.initializers["w"]
        assert weight.const_value is not None
        weight.const_value = ir.tensor(weight.const_value.numpy() * np.float32(factor), name="w")

    assert compute_the_same(model, change, {"x": (1, 4)}) is same


def test_what_does_not_run_is_not_the_same(tmp_path: Path) -> None:
    text = "(float[N, 4] x) => (float[N, 4] y) <float[3, 4] w> { y = Add(x, w) }"
    model = read_model(save(parse(text), tmp_path))
    assert not compute_the_same(model, lambda: None, {"x": (2, 4)})
    assert compute_the_same(model, lambda: None, {"x": (3, 4)})
