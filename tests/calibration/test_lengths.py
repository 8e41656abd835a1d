"""Sequences whose lengths vary, seen in any order."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from qconv.pipeline import calibrate
from qconv.recipe.sources import Values
from tests.model_helpers import data, parse, save

TEXT = """(float[N, T, 16] x) => (float[N, T, 16] y)
<float[16, 16] w, float[16, 16] u, int64[4] heads = {0, 0, 2, 8}, int64[3] whole = {0, 0, 16}> {
  q = MatMul(x, w)
  h = Reshape(q, heads)
  r = Relu(h)
  k = Reshape(r, whole)
  y = MatMul(k, u)
}"""


def _feeds() -> list[dict[str, np.ndarray]]:
    random = np.random.default_rng(0)
    feeds = [{"x": random.standard_normal((1, t, 16)).astype(np.float32)} for t in (3, 9, 5, 7)]
    feeds[2]["x"][..., 3:6] = -0.0
    for feed in feeds:
        feed["x"][..., 7] = np.abs(feed["x"][..., 7])
    return feeds


@pytest.mark.parametrize("values", ["quantizable", "all"])
@pytest.mark.parametrize("order", [(3, 2, 1, 0), (2, 0, 3, 1)])
def test_the_order_of_samples_changes_no_bit(
    tmp_path: Path, values: Values, order: tuple[int, ...]
) -> None:
    path, feeds = save(parse(TEXT), tmp_path), _feeds()
    found = []
    for numbers in (range(4), order):
        listed = data([feeds[number] for number in numbers])
        record = calibrate(path, data=listed, values=values)
        parts = [part for value in record.statistics.values() for part in value.parts().values()]
        found.append([array.tobytes() for part in parts for array in part.to_arrays().values()])
    assert found[0] == found[1]
