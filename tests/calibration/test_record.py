"""The record on disk: exact, deterministic, and refused where it does not belong."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from qconv.calibration.record import Record, merge_records, record_hash
from qconv.calibration.record_file import read_record, write_record
from qconv.errors import RecordError
from qconv.observers.gram import Gram
from qconv.observers.value import ValueStatistics


def _record(seed: int, samples: set[str]) -> Record:
    random = np.random.default_rng(seed)
    statistics = {}
    for name, shape, axis in (("map", (2, 3, 4, 4), 1), ("row", (2, 5), -1), ("unread", (2, 0), 1)):
        value = ValueStatistics()
        value.update(random.normal(size=shape).astype(np.float32), axis, histogram=True)
        statistics[name] = value
    return Record(
        model_fingerprint="ab" * 32,
        target="ort-cpu",
        depth="histogram",
        samples=frozenset(samples),
        feed_shapes={"x": (1, 3, 8, 8)},
        statistics=statistics,
        grams={},
        tools={"numpy": "2"},
        feeds={each: {"x": _feed(each)} for each in sorted(samples)[:2]},
    )


def _feed(sample: str) -> NDArray[np.float32]:
    return np.random.default_rng(len(sample)).normal(size=(1, 3, 8, 8)).astype(np.float32)


def test_a_record_survives_the_disk(tmp_path: Path) -> None:
    record = _record(0, {"s1", "s2"})
    path = tmp_path / "a.qcal"
    write_record(record, path)
    read = read_record(path)
    for field in ("model_fingerprint", "target", "depth", "samples", "feed_shapes", "tools"):
        assert getattr(read, field) == getattr(record, field), field
    for name, value in record.statistics.items():
        other = read.statistics[name]
        for kind in ValueStatistics.KINDS:
            ours, theirs = getattr(value, kind).to_arrays(), getattr(other, kind).to_arrays()
            for key, array in ours.items():
                np.testing.assert_array_equal(array, theirs[key], err_msg=f"{name} {kind} {key}")
    assert list(read.feeds) == list(record.feeds) == ["s1", "s2"]
    for sample, feeds in record.feeds.items():
        np.testing.assert_array_equal(read.feeds[sample]["x"], feeds["x"])
    assert record_hash(read) == record_hash(record)


def test_equal_records_give_equal_bytes(tmp_path: Path) -> None:
    write_record(_record(0, {"a", "b", "c"}), tmp_path / "one.qcal")
    write_record(_record(0, {"c", "a", "b"}), tmp_path / "two.qcal")
    assert (tmp_path / "one.qcal").read_bytes() == (tmp_path / "two.qcal").read_bytes()


def test_the_hash_depends_on_the_statistics_and_the_samples() -> None:
    hashes = {
        record_hash(record) for record in (_record(0, {"a"}), _record(1, {"a"}), _record(0, {"b"}))
    }
    assert len(hashes) == 3


def test_nothing_in_a_record_is_pickled(tmp_path: Path) -> None:
    path = tmp_path / "a.qcal"
    write_record(_record(0, {"a"}), path)
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        assert "manifest.json" in names
        for name in names:
            if name.endswith(".npy"):
                with archive.open(name) as entry:
                    np.lib.format.read_array(entry, allow_pickle=False)


def test_merging_adds_samples_and_statistics() -> None:
    merged = merge_records([_record(0, {"a"}), _record(1, {"b"})])
    assert merged.samples == {"a", "b"}
    assert list(merged.feeds) == ["a", "b"]
    both = _record(0, {"a"}).statistics["row"]
    both.merge(_record(1, {"b"}).statistics["row"])
    np.testing.assert_array_equal(merged.statistics["row"].means.means(), both.means.means())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"model_fingerprint": "cd" * 32}, "the records differ in model fingerprint"),
        ({"target": "other"}, "the records differ in target: 'ort-cpu' and 'other'"),
        ({"depth": "ranges"}, "the records differ in depth: 'histogram' and 'ranges'"),
        ({"samples": frozenset({"a", "x"})}, "the records share 1 samples"),
    ],
)
def test_records_that_do_not_belong_together_are_not_merged(
    change: dict[str, object], message: str
) -> None:
    other = replace(_record(1, {"b"}), **change)  # type: ignore[arg-type]
    with pytest.raises(RecordError, match=message):
        merge_records([_record(0, {"a"}), other])


def test_a_record_of_another_model_is_refused() -> None:
    with pytest.raises(RecordError) as caught:
        _record(0, {"a"}).require_model("cd" * 32, "a.qcal")
    assert str(caught.value) == (
        "a.qcal: was made for another model (it has abababababab, this one is cdcdcdcdcdcd)"
    )
    assert caught.value.hint == "run qconv calibrate on this model"


def _truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-200])


def _overwrite(path: Path) -> None:
    path.write_text("not a record")


def _drop_arrays(path: Path) -> None:
    with zipfile.ZipFile(path) as archive:
        manifest = archive.read("manifest.json")
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("manifest.json", manifest)


@pytest.mark.parametrize("damage", [_truncate, _overwrite, _drop_arrays])
def test_a_corrupt_record_is_told(tmp_path: Path, damage: Callable[[Path], None]) -> None:
    path = tmp_path / "a.qcal"
    write_record(_record(0, {"a"}), path)
    damage(path)
    with pytest.raises(RecordError, match=r"a\.qcal: not a calibration record, or a corrupt one"):
        read_record(path)


@pytest.mark.parametrize("schema", [4, 99])
def test_another_schema_is_told(tmp_path: Path, schema: int) -> None:
    path = tmp_path / "a.qcal"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("manifest.json", json.dumps({"schema": schema}))
    with pytest.raises(RecordError, match=f"has schema {schema}; this qconv reads 5"):
        read_record(path)


def test_a_missing_record_is_told(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match=r"none\.qcal: no such file"):
        read_record(tmp_path / "none.qcal")


def test_names_that_are_no_unicode_have_a_hash(tmp_path: Path) -> None:
    """JSON can hold them, as a record of somebody else does."""
    record = replace(_record(0, {"\ud800"}), grams={"\udfff": Gram()})
    path = tmp_path / "a.qcal"
    write_record(record, path)
    assert record_hash(read_record(path)) == record_hash(record)
    assert record_hash(record) != record_hash(_record(0, {"a"}))
