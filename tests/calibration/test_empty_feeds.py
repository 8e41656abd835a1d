"""Feeds with an empty array, such as the cache of a decoder that has read nothing yet."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from qconv.calibration.observe import Depth
from qconv.calibration.record import Record
from qconv.pipeline import calibrate
from tests.model_helpers import Feeds, data, parse, save

TEXT = """
    (float[1, 3, H, W] x, float[1, 2, P, 4] past) => (float[1, 2, H, W] y, float[1, 2, T, 4] z)
    <float[4, 3, 3, 3] w, float[2, 4, 1, 1] u, float[4, 4] m, int64[4] f = {1, 2, -1, 4}>
    {
        a = Conv<pads = [1, 1, 1, 1]>(x, w) r = Relu(a) y = Conv(r, u)
        n = Reshape(y, f) c = Concat<axis = 2>(past, n) z = MatMul(c, m)
    }
"""


def feeds(lengths: Sequence[int]) -> list[Feeds]:
    random = np.random.default_rng(0)
    sizes = [8 + 8 * (index % 3) for index in range(len(lengths))]
    images = [random.standard_normal((1, 3, size, size), np.float32) for size in sizes]
    pasts = [random.standard_normal((1, 2, length, 4), np.float32) for length in lengths]
    return [{"x": image, "past": past} for image, past in zip(images, pasts, strict=True)]


def record(folder: Path, lengths: Sequence[int], depth: Depth = "full") -> Record:
    model = save(parse(TEXT), folder)
    return calibrate(model, data=data(feeds(lengths)), statistics=depth, values="all")


@pytest.mark.parametrize("lengths", [(0, 0, 0), (5, 0, 5), (0, 5, 0)])
def test_the_other_values_are_observed_as_ever(tmp_path: Path, lengths: Sequence[int]) -> None:
    found, expected = (record(tmp_path, chosen).statistics for chosen in (lengths, (5, 5, 5)))
    for name in ("x", "a", "r", "y"):
        for kind, part in found[name].parts().items():
            for key, array in part.to_arrays().items():
                other = expected[name].parts()[kind].to_arrays()[key]
                np.testing.assert_allclose(array.astype("d"), other.astype("d"), 1e-6, 1e-6)


def test_an_empty_value_adds_nothing(tmp_path: Path) -> None:
    alone, mixed = (record(tmp_path, lengths).statistics["past"] for lengths in ((0, 0), (0, 5)))
    assert alone.range.low > alone.range.high
    past = feeds((0, 5))[1]["past"]
    assert (mixed.range.low, mixed.range.high) == (past.min(), past.max())


@pytest.mark.parametrize("depth", ["ranges", "histogram", "full"])
def test_every_depth_takes_them(tmp_path: Path, depth: Depth) -> None:
    assert len(record(tmp_path, (0, 3), depth).samples) == 2
