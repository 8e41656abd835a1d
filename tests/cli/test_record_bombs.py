"""Records that are small on disk and large in memory, or were changed."""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from qconv.calibration.record_file import read_record, write_record
from qconv.observers.gram import Gram
from qconv.observers.value import ValueStatistics
from tests.cli.bomb_helpers import MANY, npy, repack
from tests.cli.cli_helpers import Qconv, Refuses

CONVERT = "convert model.onnx --dtype int8 -o y.onnx -q --calibration"
CORRUPT = "not a calibration record, or a corrupt one"


def channels(count: int) -> tuple[dict[str, bytes], dict[str, int]]:
    """Return a table of a record that claims so many channels."""
    ends = io.BytesIO()
    np.save(ends, np.full(4, count, np.int64))
    entries = {"means.sums.npy": npy((2, count), "<i8"), "means.sums.ends.npy": ends.getvalue()}
    return entries, {"means.sums.npy": 16 * count + 200}


@pytest.mark.usefixtures("folder")
def test_a_record_that_unpacks_to_gigabytes(frugal: Qconv) -> None:
    repack("histogram.qcal", *channels(MANY * 2))
    said = frugal(f"{CONVERT} histogram.qcal")
    assert said.error.startswith(
        "qconv: error: histogram.qcal: the record takes 4,295 MB in memory, out of 0.0"
    )
    assert said.code == 3


@pytest.mark.usefixtures("folder")
def test_entries_that_a_record_does_not_need_are_not_read(frugal: Qconv) -> None:
    entries = {"more.npy": npy((MANY,)), "../x.npy": b"", "/x.npy": b"", "gram.0.sums.npy": b"no"}
    repack("histogram.qcal", entries, {"more.npy": MANY * 4})
    assert frugal(f"{CONVERT} histogram.qcal").code == 0


@pytest.mark.parametrize(
    ("content", "size", "reason"),
    [
        (b"{}", 1 << 30, "its manifest.json has 1073741824 bytes"),
        (b"[" * 100_000, None, "it is nested too deeply"),
        (b'{"a": 1, "a": 2}', None, "the key 'a' is there twice"),
        (b"[]", None, "its manifest.json is not an object"),
        (b'{"schema": 5, "feed_shapes": {"x": [1]}}', None, "manifest.qconv is missing"),
    ],
)
@pytest.mark.usefixtures("folder")
def test_a_manifest_that_is_a_bomb(
    frugal: Qconv, content: bytes, size: int | None, reason: str
) -> None:
    repack(
        "histogram.qcal",
        {"manifest.json": content},
        None if size is None else {"manifest.json": size},
    )
    said = frugal(f"{CONVERT} histogram.qcal")
    assert said.error.partition("\n")[0] == f"qconv: error: histogram.qcal: {CORRUPT} ({reason})"
    assert said.code == 3


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"feed_shapes": {"x": [1, -3]}}, "no feed has the shape [1, -3] of 'x'"),
        ({"feed_shapes": {"x": [1 << 40]}}, "no feed has the shape [1099511627776] of 'x'"),
        ({"feed_shapes": {"x": [10**400]}}, "manifest.feed_shapes.x[0] is too large"),
        ({"feed_shapes": {"x": [1.5]}}, "manifest.feed_shapes.x[0] is not of the type int"),
        ({"tools": [1]}, "manifest.tools is not an object"),
        ({"values": list(map(str, range(200_001)))}, "it names more than 200,000 values"),
    ],
)
@pytest.mark.usefixtures("folder")
def test_a_manifest_with_a_wrong_value(frugal: Qconv, change: dict[str, Any], reason: str) -> None:
    with zipfile.ZipFile("histogram.qcal") as archive:
        manifest = json.loads(archive.read("manifest.json"))
    repack("histogram.qcal", {"manifest.json": json.dumps(manifest | change).encode()})
    said = frugal(f"{CONVERT} histogram.qcal")
    assert said.error.partition("\n")[0] == f"qconv: error: histogram.qcal: {CORRUPT} ({reason})"
    assert said.code == 3


def test_a_record_with_other_channels(folder: Path, refuses: Refuses) -> None:
    record = read_record(folder / "histogram.qcal")
    other = ValueStatistics()
    other.update(np.ones((1, 7, 4), np.float32), 1, histogram=True)
    write_record(
        replace(record, statistics={**record.statistics, "x": other}), folder / "other.qcal"
    )
    refuses(
        f"{CONVERT} other.qcal",
        code=3,
        message="the record has 7 channels of 'x', but the model has 3",
        hint="it was changed after it was written; calibrate again",
    )


def test_a_record_without_the_input_of_a_layer(folder: Path, refuses: Refuses) -> None:
    record = read_record(folder / "histogram.qcal")
    kept = {name: found for name, found in record.statistics.items() if name != "f"}
    assert len(kept) < len(record.statistics)
    write_record(replace(record, statistics=kept), folder / "other.qcal")
    refuses(
        f"{CONVERT} other.qcal",
        code=3,
        message="the record has no statistics of 'f'",
        hint="it was changed after it was written; calibrate again",
    )


def test_a_record_with_other_second_moments(folder: Path, qconv: Qconv, refuses: Refuses) -> None:
    assert qconv("calibrate model.onnx --data data.npz --statistics full -f -o full.qcal").code == 0
    record = read_record(folder / "full.qcal")
    other = Gram()
    other.update(np.ones((2, 1, 5), np.float32))
    key = next(key for key in record.grams if key.startswith("x "))
    write_record(replace(record, grams={**record.grams, key: other}), folder / "other.qcal")
    refuses(
        f"{CONVERT} other.qcal",
        code=3,
        message="the record has second moments of 2 x 5 numbers of 'x', but the layers read 1 x 27",
    )
