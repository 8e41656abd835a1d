"""Second moments are taken of at most 128 samples that hold enough; everything else of all."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from qconv.calibration.record import Record
from qconv.pipeline import calibrate, convert
from tests.model_helpers import Feeds, data, parse, save

MOST = 128
ROWS = 16
TEXT = """(float[N, k, 4] x) => (float[N, k, 3] y) <float[4, 5] w, float[5, 3] v> {
  h = MatMul(x, w) r = Relu(h) y = MatMul(r, v) }"""


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return save(parse(TEXT), tmp_path)


def feeds(count: int, rows: int = ROWS) -> list[Feeds]:
    samples = np.random.default_rng(0).normal(size=(count, 1, rows, 4)).astype(np.float32)
    return [{"x": sample} for sample in samples]


def observed(model: Path, count: int, batch_size: int = 1, rows: int = ROWS) -> Record:
    return calibrate(model, data=data(feeds(count, rows)), keep_samples=0, batch_size=batch_size)


@pytest.mark.parametrize("count", [1, 127, 128, 129, 300])
def test_they_are_those_of_evenly_spread_samples(model: Path, count: int) -> None:
    taken = min(count, MOST)
    chosen = [feeds(count)[index * count // taken]["x"][0] for index in range(taken)]
    expected = sum(each.T.astype(np.float64) @ each for each in chosen) / (taken * ROWS)
    record = observed(model, count)
    gram = record.grams["x"]
    assert gram.count == taken * ROWS
    np.testing.assert_allclose(gram.second_moment()[0], expected, rtol=1e-5, atol=1e-6)
    everything = np.concatenate([feed["x"][0] for feed in feeds(count)])
    assert len(record.samples) == count
    assert record.statistics["x"].range.low == everything.min()
    np.testing.assert_allclose(
        record.statistics["x"].means.means(), everything.mean(0), rtol=1e-4, atol=1e-6
    )


@pytest.mark.parametrize(("rows", "taken"), [(1, 300), (4, 300), (8, 256), (16, 128), (64, 128)])
def test_samples_that_hold_little_count_more(model: Path, rows: int, taken: int) -> None:
    assert observed(model, 300, rows=rows).grams["x"].count == taken * min(rows, ROWS)


@pytest.mark.parametrize("batch_size", [2, 7, 200])
def test_batches_do_not_change_which(model: Path, batch_size: int) -> None:
    one, several = observed(model, 200), observed(model, 200, batch_size)
    assert one.samples == several.samples
    for key, gram in one.grams.items():
        assert several.grams[key].count == gram.count
        np.testing.assert_allclose(several.grams[key].means(), gram.means(), rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("count", [6, 300])
def test_a_record_gives_the_same_file_as_the_data(model: Path, tmp_path: Path, count: int) -> None:
    convert(model, tmp_path / "a.onnx", calibration=calibrate(model, data=data(feeds(count))))
    convert(model, tmp_path / "b.onnx", data=data(feeds(count)))
    assert (tmp_path / "a.onnx").read_bytes() == (tmp_path / "b.onnx").read_bytes()
