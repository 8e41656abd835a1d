"""Records that convert refuses, and what it says of them."""

import io
import json
import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from qconv.calibration.record_file import read_record, write_record
from tests.cli.cli_helpers import Refuses

LINE = "convert model.onnx --dtype int8 -o y.onnx --calibration"
CORRUPT = "not a calibration record, or a corrupt one"
Table = NDArray[Any]


def npy(array: Table) -> bytes:
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, array)
    return buffer.getvalue()


def read_npy(content: bytes) -> Table:
    return np.lib.format.read_array(io.BytesIO(content))


@pytest.fixture
def rewrite(folder: Path) -> Callable[..., None]:
    """Return a function that changes entries of the record: bytes, or None to leave it out."""

    def change(**entries: bytes | None) -> None:
        path = folder / "histogram.qcal"
        with zipfile.ZipFile(path) as archive:
            content = {name: archive.read(name) for name in archive.namelist()}
        for name, new in entries.items():
            if new is None:
                del content[name]
            else:
                content[name] = new
        with zipfile.ZipFile(path, "w") as archive:
            for name, old in content.items():
                archive.writestr(name, old)

    return change


@pytest.fixture
def manifest(folder: Path) -> dict[str, Any]:
    with zipfile.ZipFile(folder / "histogram.qcal") as archive:
        read: dict[str, Any] = json.loads(archive.read("manifest.json"))
    return read


@pytest.fixture
def table(folder: Path) -> Callable[[str], Table]:
    def read(name: str) -> Table:
        with zipfile.ZipFile(folder / "histogram.qcal") as archive:
            return read_npy(archive.read(f"{name}.npy"))

    return read


def test_read_and_written_again_a_record_has_the_same_bytes(folder: Path) -> None:
    for name in ("histogram.qcal", "ranges.qcal"):
        write_record(read_record(folder / name), folder / "again.qcal")
        assert (folder / "again.qcal").read_bytes() == (folder / name).read_bytes()


def test_a_record_of_another_model(refuses: Refuses) -> None:
    refuses(
        "convert log.onnx --dtype int8 --calibration histogram.qcal -o y.onnx",
        code=3,
        message=f"histogram.qcal: was made for another model (it has {sha('model.onnx')}, "
        f"this one is {sha('log.onnx')})",
        hint="run qconv calibrate on this model",
    )
    refuses(
        "convert log.onnx --dtype fp16 --calibration histogram.qcal -o y.onnx",
        code=3,
        message=f"histogram.qcal: was made for another model (it has {sha('model.onnx')}, "
        f"this one is {sha('log.onnx')})",
    )


def sha(name: str) -> str:
    import hashlib

    return hashlib.sha256(Path(name).read_bytes()).hexdigest()[:12]


@pytest.mark.parametrize("method", ["entropy", "mse", "percentile"])
def test_a_method_that_needs_histograms(refuses: Refuses, method: str) -> None:
    refuses(
        f"{LINE} ranges.qcal --method {method}",
        code=3,
        message=f"method '{method}' needs histograms, and the record holds ranges only",
        hint="calibrate with --statistics histogram, or convert with --method minmax",
    )


@pytest.mark.parametrize(
    ("name", "message", "hint"),
    [
        ("no.qcal", "no.qcal: no such file", "qconv calibrate makes a record"),
        (".", ".: is a folder, not a calibration record", ""),
        (
            "data.npz",
            "data.npz: not a calibration record: it has no manifest.json",
            "qconv calibrate writes records; for samples use --data",
        ),
        (
            "model.onnx",
            f"model.onnx: {CORRUPT} (File is not a zip file)",
            "run qconv calibrate again",
        ),
    ],
)
def test_what_is_no_record(refuses: Refuses, name: str, message: str, hint: str) -> None:
    refuses(f"{LINE} {name}", code=3, message=message, hint=hint)


@pytest.mark.parametrize("size", [0, 10, 500, -1])
def test_a_truncated_record(folder: Path, refuses: Refuses, size: int) -> None:
    path = folder / "histogram.qcal"
    os.truncate(path, size % path.stat().st_size)
    message = f"histogram.qcal: {CORRUPT} (File is not a zip file)"
    refuses(f"{LINE} histogram.qcal", code=3, message=message)


def test_a_flipped_bit(folder: Path, refuses: Refuses) -> None:
    path = folder / "histogram.qcal"
    with zipfile.ZipFile(path) as archive:
        entry = archive.getinfo("means.sums.npy")
    content = bytearray(path.read_bytes())
    content[entry.header_offset + 30 + len(entry.filename) + entry.compress_size // 2] ^= 16
    path.write_bytes(content)
    with pytest.raises(AssertionError, match=CORRUPT):
        refuses(f"{LINE} histogram.qcal", code=3, message="")


def test_a_newer_schema(
    rewrite: Callable[..., None], manifest: dict[str, Any], refuses: Refuses
) -> None:
    rewrite(**{"manifest.json": json.dumps({**manifest, "schema": 9}).encode()})
    refuses(
        f"{LINE} histogram.qcal",
        code=3,
        message="histogram.qcal: has schema 9; this qconv reads 5",
        hint="calibrate again, or use the qconv that wrote it",
    )


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"samples": ["another"], "kept": []}, "its samples do not match their fingerprint"),
        ({"statistics": "moments"}, "its statistics are 'moments'"),
        ({"values": ["x", "x", "x", "x"]}, "it names a value twice"),
        ({"values": ["x"]}, "range.limits.ends is int64 [4] for 1 values"),
    ],
)
def test_a_manifest_that_is_wrong(
    rewrite: Callable[..., None],
    manifest: dict[str, Any],
    refuses: Refuses,
    change: dict[str, object],
    reason: str,
) -> None:
    rewrite(**{"manifest.json": json.dumps({**manifest, **change}).encode()})
    message = f"histogram.qcal: {CORRUPT} ({reason})"
    refuses(f"{LINE} histogram.qcal", code=3, message=message, hint="run qconv calibrate again")


@pytest.mark.parametrize("key", ["model", "values", "samples", "feed_shapes", "tools"])
def test_a_manifest_that_lacks_something(
    rewrite: Callable[..., None], manifest: dict[str, Any], refuses: Refuses, key: str
) -> None:
    del manifest[key]
    rewrite(**{"manifest.json": json.dumps(manifest).encode()})
    message = f"histogram.qcal: {CORRUPT} (manifest.{key} is missing)"
    refuses(f"{LINE} histogram.qcal", code=3, message=message)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"schema": 5, "values": 3}', b"\xff\xfe"])
def test_a_manifest_that_is_none(
    rewrite: Callable[..., None], qconv: Callable[..., Any], content: bytes
) -> None:
    rewrite(**{"manifest.json": content})
    said = qconv(f"{LINE} histogram.qcal")
    assert said.code == 3
    assert said.error.startswith(f"qconv: error: histogram.qcal: {CORRUPT} (")


def test_a_table_that_is_missing(rewrite: Callable[..., None], refuses: Refuses) -> None:
    rewrite(**{"means.sums.npy": None})
    message = f"histogram.qcal: {CORRUPT} (it lacks 'means.sums')"
    refuses(f"{LINE} histogram.qcal", code=3, message=message)


def test_a_table_of_objects_is_not_unpickled(
    rewrite: Callable[..., None], refuses: Refuses
) -> None:
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, np.array([print], object), allow_pickle=True)
    rewrite(**{"means.sums.npy": buffer.getvalue()})
    message = f"histogram.qcal: {CORRUPT} (means.sums is object [1])"
    refuses(f"{LINE} histogram.qcal", code=3, message=message)


@pytest.mark.parametrize(
    ("name", "change", "reason"),
    [
        ("range.limits", lambda t: t[:-1], "range.limits.ends do not part range.limits"),
        ("range.limits", lambda t: t.astype(np.int32), "range.limits is int32 [8]"),
        ("range.limits", lambda t: t * np.nan, "range.limits are not finite"),
        ("range.limits", lambda t: -np.sign(t) / np.float32(1e-45), "range.limits are not finite"),
        ("range.limits.ends", lambda t: t[[1, 0, 2, 3]], "range.limits.ends do not part"),
        (
            "range.limits.ends",
            lambda t: t + np.eye(4, dtype=int)[1],
            "range.limits does not hold 2 for each",
        ),
        ("range.limits.ends", lambda t: t - 1, "range.limits.ends do not part range.limits"),
        ("histogram.bins", lambda t: t.astype(np.uint32), "histogram.bins is uint32"),
        ("histogram.counts", lambda t: t - t.max(), "histogram.counts are not positive"),
        (
            "histogram.counts.ends",
            lambda t: t - np.eye(4, dtype=int)[0],
            "histogram.bins and histogram.counts differ in length",
        ),
        ("means.sums", lambda t: t[0], "means.sums is int64 ["),
        ("means.sums.ends", lambda t: t[:2], "means.sums.ends is int64 [2] for 4 values"),
        ("means.weight", lambda t: t * 0, "means.weight is less than 1 where there are sums"),
    ],
)
def test_tables_that_are_wrong(
    rewrite: Callable[..., None],
    table: Callable[[str], Table],
    qconv: Callable[..., Any],
    name: str,
    change: Callable[[Table], Table],
    reason: str,
) -> None:
    with np.errstate(over="ignore"):
        rewrite(**{f"{name}.npy": npy(change(table(name)))})
    said = qconv(f"{LINE} histogram.qcal")
    assert said.error.startswith(f"qconv: error: histogram.qcal: {CORRUPT} ({reason}")
    assert said.code == 3
