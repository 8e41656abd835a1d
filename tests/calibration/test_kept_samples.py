"""Samples that a record keeps: which, whether statistics know them, and both ways of converting."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from qconv.calibration.kept_samples import KeptSamples
from qconv.calibration.record_file import read_record, write_record
from qconv.data import Sample
from qconv.errors import RecordError
from qconv.pipeline import calibrate, convert
from qconv.recipe.settings import Int8Settings
from tests.model_helpers import data, parse, said, save

TEXT = """(float[N, 4, 6, 6] x) => (float[N, 5] y) <float[8, 4, 3, 3] w, float[8, 5] v>
{ a = Conv(x, w) s = Sigmoid(a) g = Mul(a, s) p = GlobalAveragePool(g) f = Flatten(p)
  y = MatMul(f, v) }"""


def _feeds(count: int) -> list[dict[str, np.ndarray]]:
    random = np.random.default_rng(0)
    return [{"x": 3 * random.standard_normal((1, 4, 6, 6), np.float32)} for _ in range(count)]


class _Source(list[Sample]):
    """Samples of the given sizes in bytes."""

    def __init__(self, *sizes: int) -> None:
        arrays = [np.full(size // 4, index, np.float32) for index, size in enumerate(sizes)]
        super().__init__(Sample({"x": a}, None, f"d[{i}]") for i, a in enumerate(arrays))


@pytest.mark.parametrize(
    ("count", "most"), [(128, 32), (5, 32), (8, 2), (9, 0), (129, 32), (200, 32), (900, 20)]
)
def test_fewer_than_a_quarter_are_held_out(count: int, most: int) -> None:
    source = KeptSamples(_Source(*[4] * count), most)
    for _ in range(2):
        left = len(list(source))
        assert left == count - len(source.held_out)
        assert len(source.feeds) <= min(most, count)
        if 4 * most >= count:
            assert not source.held_out
            assert len(source.feeds) == min(most, count)
        else:
            assert source.feeds.keys() <= source.held_out
            assert most / 2 <= len(source.feeds)
            assert len(source.held_out) <= 2 * most
    assert len(source) == count


@pytest.mark.parametrize("count", [40, 400])
def test_order_does_not_decide(count: int) -> None:
    samples = _Source(*[4] * count)
    turned = _Source()
    turned.extend(samples[::-1])
    one, other = KeptSamples(samples, 16), KeptSamples(turned, 16)
    assert {sample.origin for sample in one} == {sample.origin for sample in other}
    assert one.feeds.keys() == other.feeds.keys()
    assert one.held_out == other.held_out


def test_they_take_no_more_than_64_megabytes() -> None:
    large = KeptSamples(_Source(*[20_000_000] * 5), 32)
    assert len(list(large)) == 5
    assert len(large.feeds) == 3
    mixed = KeptSamples(_Source(4, 40_000_000, 40_000_000), 32)
    assert len(list(mixed)) == 3
    assert sum(each["x"].nbytes for each in mixed.feeds.values()) <= 64_000_000


@pytest.mark.parametrize("count", [8, 140])
def test_both_ways_write_the_same_bytes(tmp_path: Path, count: int) -> None:
    path, feeds = save(parse(TEXT), tmp_path), _feeds(count)
    settings = Int8Settings()
    calibrate(path, data=data(feeds), output=tmp_path / "a.qcal")
    convert(path, tmp_path / "a.onnx", calibration=tmp_path / "a.qcal", settings=settings)
    convert(path, tmp_path / "b.onnx", data=data(feeds[::-1]), settings=settings)
    convert(path, tmp_path / "c.onnx", data=data(feeds), settings=settings)
    assert (tmp_path / "a.onnx").read_bytes() == (tmp_path / "c.onnx").read_bytes()
    assert read_record(tmp_path / "a.qcal").feeds


def test_a_record_without_samples_falls_back_and_says_so(tmp_path: Path) -> None:
    path = save(parse(TEXT), tmp_path)
    record = calibrate(path, data=data(_feeds(8)), keep_samples=0)
    assert not record.feeds
    made = convert(path, tmp_path / "a.onnx", calibration=record)
    assert made.judgement is None
    assert made.note == "ranges by clip"
    assert said(made)[0] == (
        "ranges by clip, not compared with other methods: the record keeps no samples; calibrate "
        "with `keep_samples`, or give `data`"
    )


def test_samples_that_do_not_fit_the_model_are_told(tmp_path: Path) -> None:
    path = save(parse(TEXT), tmp_path)
    record = calibrate(path, data=data(_feeds(8)))
    digest = next(iter(record.feeds))
    changed = {**record.feeds, digest: {"x": np.zeros((1, 4, 6), np.float32)}}
    object.__setattr__(record, "feeds", changed)
    write_record(record, tmp_path / "a.qcal")
    with pytest.raises(RecordError, match=f"the sample {digest} that the record keeps: .*shape"):
        convert(path, tmp_path / "a.onnx", calibration=tmp_path / "a.qcal")
