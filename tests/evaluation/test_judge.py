"""What a few samples tell of a variant, also where the model declares its outputs wrongly."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx_ir as ir
import pytest

from qconv.evaluation.judge import Judge
from qconv.graph.model_io import load_model
from tests.model_helpers import parse, save

TEXT = """(float[N, 36] x) => (float[N, 4, 9] y)
<int64[{axes}] shape = {{{shape}}}, float h = {{2}}> {{ r = Reshape(x, shape) y = {op}(r, h) }}"""


def model(folder: Path, shape: tuple[int, ...], op: str) -> ir.Model:
    text = TEXT.format(axes=len(shape), shape=", ".join(map(str, shape)), op=op)
    return load_model(save(parse(text), folder, f"{op}.onnx")).ir


@pytest.mark.parametrize("shape", [(-1, 4, 9), (-1, 36), (-1, 6, 6), (36,), (2, 2, 9)])
def test_axes_that_the_model_declares_or_not(tmp_path: Path, shape: tuple[int, ...]) -> None:
    feeds = [{"x": np.full((1, 36), number, np.float32)} for number in (1, 2, 3)]
    judge = Judge(model(tmp_path, shape, "Mul"), feeds)
    same = judge.judge(model(tmp_path, shape, "Mul"))
    assert same is not None
    assert same.overall == 60
    other = judge.judge(model(tmp_path, shape, "Add"))  # 2 x is 3 where x is 1, off by 1
    assert other is not None
    assert other.samples == 3
    assert other.typical == pytest.approx(float(other.by_sample.mean()))
    assert other.by_sample[1] == 60  # 2 + 2 is 2 * 2


def test_outputs_without_elements_are_not_compared(tmp_path: Path) -> None:
    feeds = [{"x": np.zeros((0, 36), np.float32)}]
    judge = Judge(model(tmp_path, (0, 4, 9), "Mul"), feeds)
    assert judge.judge(model(tmp_path, (0, 4, 9), "Add")) is None
