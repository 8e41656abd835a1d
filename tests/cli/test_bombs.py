"""Data that are small on disk and large in memory, and what is no file at all."""

from __future__ import annotations

import io
import os
import resource
import struct
import subprocess
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from PIL import Image

from tests.cli.bomb_helpers import MANY, npy, pack
from tests.cli.cli_helpers import Qconv, Refuses, command, save_text

CALIBRATE = "calibrate model.onnx -o y.qcal -q --data"
CONVERT = "convert model.onnx --dtype int8 -o y.onnx -q --calibration"
REPORT = "report model.onnx model.onnx --no-latency -q --data"
CORRUPT = "not a calibration record, or a corrupt one"


def test_a_hundred_million_labels_are_not_read_for_one_sample(folder: Path, frugal: Qconv) -> None:
    entries = {"x.npy": npy((MANY, 3, 8, 8)), "labels.npy": npy((MANY,), "<i8")}
    pack("many.npz", entries, {"x.npy": MANY * 3 * 8 * 8 * 4 + 200, "labels.npy": MANY * 8 + 200})
    assert frugal(f"{CALIBRATE} many.npz --samples 1").code == 0
    assert (folder / "y.qcal").exists()


@pytest.mark.parametrize(("place", "what"), [("one.npz", "a sample"), ("inner", "the feed")])
def test_a_feed_that_is_packed_too_well(folder: Path, frugal: Qconv, place: str, what: str) -> None:
    save_text("(float[N,M] x) => (float[N,M] y) { y = Relu(x) }", folder / "free.onnx")
    file = place if place == "one.npz" else "inner/one.npz"
    pack(file, {"x.npy": npy((1, MANY))}, {"x.npy": MANY * 4 + 200})
    said = frugal(f"report free.onnx free.onnx --no-latency -q --data {place}")
    sentence, _, hint = said.error.partition("\nhint: ")
    assert sentence.startswith(f"qconv: error: {file}: {what} takes 537 MB in memory, out of 0.")
    assert hint == ("content above 256 MB may be at most 50 times as large as it is in the file")
    assert said.code == 3


def test_an_array_that_the_model_does_not_want_is_not_read(folder: Path, frugal: Qconv) -> None:
    x = io.BytesIO()
    np.save(x, np.zeros((1, 3, 8, 8), np.float32))
    entries = {"x.npy": x.getvalue(), "other.npy": npy((MANY,)), "odd.npy": b"no array"}
    pack("inner/one.npz", entries, {"other.npy": MANY * 4 + 200})
    assert frugal(f"{CALIBRATE} inner").code == 0
    assert (folder / "y.qcal").exists()


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (npy((2, -3, 8, 8)), "the array has an axis of length -3"),
        (npy((1 << 62, 3, 8, 8)), "the array ends after "),
        (npy((2, 3, 8, 8), "<f4", " " * 10**7), "its header is wrong: "),
        (npy((2, 3, 8, 8), "<f4", "-" * 9000), "its header is wrong: "),
        (npy((2, 3, 8, 8), [1]), "its header is wrong: "),
        (npy({1: 2, "a": 3}), "its header is wrong: "),
        (b"\x93NUMPY\3\0", "version 3.0 of the .npy format is not read"),
    ],
    ids=lambda value: value[:20] if isinstance(value, str) else "",
)
@pytest.mark.parametrize("kind", ["npz", "npy"])
@pytest.mark.usefixtures("folder")
def test_a_header_that_is_wrong(frugal: Qconv, content: bytes, reason: str, kind: str) -> None:
    if kind == "npz":
        pack("one.npz", {"x.npy": content})
        said = frugal(f"{CALIBRATE} one.npz")
        assert said.error.startswith(f"qconv: error: one.npz: array 'x': cannot be read: {reason}")
    else:
        Path("inner").mkdir()
        Path("inner/x.npy").write_bytes(content)
        said = frugal(f"{CALIBRATE} inner")
        assert said.error.startswith(f"qconv: error: inner/x.npy: cannot be read: {reason}")
    assert said.code == 3


def test_objects_and_zip_files_with_the_name_of_an_array(folder: Path, refuses: Refuses) -> None:
    (folder / "inner").mkdir()
    np.save(folder / "inner" / "x.npy", np.array([print], object), allow_pickle=True)
    message = (
        "inner/x.npy: array 'x' is Python objects; the model's input 'x' is float32 [N, 3, 8, 8]"
    )
    refuses(f"{CALIBRATE} inner", code=3, message=message)
    (folder / "data.npz").rename(folder / "inner" / "x.npy")
    message = "inner/x.npy: cannot be read: the magic string is not correct; "
    with pytest.raises(AssertionError, match=message):
        refuses(f"{CALIBRATE} inner", code=3, message="")


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_compression_that_unpacks_a_block_of_any_size(
    folder: Path, refuses: Refuses, method: int
) -> None:
    for name in ("data.npz", "histogram.qcal"):
        with zipfile.ZipFile(name) as archive:
            content = {entry: archive.read(entry) for entry in archive.namelist()}
        with zipfile.ZipFile(name, "w", method) as archive:
            for entry, data in content.items():
                archive.writestr(entry, data)
    reason = f"'x.npy' is compressed by method {method}"
    refuses(f"{CALIBRATE} data.npz", code=3, message=f"data.npz: cannot be read: {reason}")
    reason = f"'manifest.json' is compressed by method {method}"
    message = f"histogram.qcal: {CORRUPT} ({reason})"
    refuses(f"{CONVERT} histogram.qcal", code=3, message=message)
    assert folder


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_entries_of_one_name(folder: Path, refuses: Refuses) -> None:
    for name, entry in (("data.npz", "x.npy"), ("histogram.qcal", "means.sums.npy")):
        with zipfile.ZipFile(folder / name, "a") as archive:
            archive.writestr(entry, npy((1,)))
    reason = "it holds 2 entries with the name 'x.npy'"
    refuses(f"{CALIBRATE} data.npz", code=3, message=f"data.npz: cannot be read: {reason}")
    reason = "it holds 2 entries with the name 'means.sums.npy'"
    message = f"histogram.qcal: {CORRUPT} ({reason})"
    refuses(f"{CONVERT} histogram.qcal", code=3, message=message)


READERS = {
    "data that qconv reads": f"{CALIBRATE} PATH",
    "a calibration record": f"{CONVERT} PATH",
    "a report": "gate PATH --fail-if size_mb>1",
    "a table of labels": f"{REPORT} images --image-mean 0 --labels PATH",
    "a script": f"{CALIBRATE} PATH:f",
}


@pytest.mark.parametrize("wanted", READERS)
def test_a_pipe_is_not_waited_for(folder: Path, refuses: Refuses, wanted: str) -> None:
    (folder / "images").mkdir()
    Image.new("RGB", (8, 8)).save(folder / "images" / "a.png")
    os.mkfifo(folder / "pipe.py")
    line = READERS[wanted].replace("PATH", "pipe.py")
    refuses(line, code=3, message=f"pipe.py: is a pipe, not {wanted}")
    if wanted != "a script":
        line = READERS[wanted].replace("PATH", "/dev/zero")
        refuses(line, code=3, message=f"/dev/zero: is a device, not {wanted}")


def test_images_of_any_size(folder: Path, refuses: Refuses) -> None:
    (folder / "images").mkdir()
    Image.new("RGB", (8, 8)).save(folder / "images" / "a.png")
    refuses(
        f"{REPORT} images --image-mean 0 --image-size 100000000",
        code=3,
        message="images/a.png: the image is 8 x 8 pixels (width x height), and 100000000 x "
        "100000000 after resizing; at most 178,956,970 pixels are handled",
        hint="choose a smaller image size",
    )


def test_an_image_of_a_few_bytes(folder: Path, frugal: Qconv) -> None:
    (folder / "images").mkdir()
    Image.new("P", (9000, 9000)).save(folder / "images" / "a.png")
    content = bytearray((folder / "images" / "a.png").read_bytes())
    head = struct.pack(">4sIIBBBBB", b"IHDR", 9000, 9000, 8, 2, 0, 0, 0)
    content[12:33] = head + struct.pack(">I", zlib.crc32(head))
    (folder / "images" / "a.png").write_bytes(content)
    said = frugal(f"{REPORT} images --image-mean 0 --image-size 8")
    assert said.error.startswith(
        "qconv: error: images/a.png: the image takes 324 MB in memory, out of "
    )
    assert said.code == 3


def test_a_file_that_another_program_would_decode(folder: Path, qconv: Qconv) -> None:
    (folder / "images").mkdir()
    Image.new("RGB", (8, 8)).save(folder / "images" / "a.eps")
    (folder / "images" / "a.eps").rename(folder / "images" / "a.png")
    said = qconv(f"{REPORT} images --image-mean 0")
    assert "a.png: cannot be read as an image: cannot identify image file" in said.error
    assert said.code == 3


def test_a_table_of_labels_with_an_endless_line(folder: Path, frugal: Qconv) -> None:
    (folder / "images").mkdir()
    Image.new("RGB", (8, 8)).save(folder / "images" / "a.png")
    with (folder / "labels.csv").open("w") as stream:
        stream.write("file,label\na.png,1,")
        stream.truncate(1 << 32)
    said = frugal(f"{REPORT} images --image-mean 0 --labels labels.csv")
    assert said.error == (
        "qconv: error: labels.csv: the labels cannot be read: a line has 131,072 characters or more"
    )
    assert said.code == 3


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"dims": [-1]}, "it has an axis of length -1"),
        ({"data_location": 1}, "its values are in another file"),
        ({"dims": [1 << 40]}, ""),
    ],
)
def test_a_tensor_that_is_not_there(
    folder: Path, frugal: Qconv, fields: dict[str, Any], reason: str
) -> None:
    (folder / "test_data_set_0").mkdir()
    tensor = onnx.TensorProto(data_type=1, raw_data=bytes(16), **fields)
    (folder / "test_data_set_0" / "input_0.pb").write_bytes(tensor.SerializeToString())
    said = frugal(f"{CALIBRATE} test_data_set_0")
    assert said.error.startswith(
        f"qconv: error: test_data_set_0/input_0.pb: cannot be read as an ONNX tensor: {reason}"
    )
    assert said.code == 3


def test_out_of_memory_is_exit_code_5(folder: Path) -> None:
    save_text("(float[N,M] x) => (float[N,M] y) { y = Relu(x) }", folder / "free.onnx")
    (folder / "inner").mkdir()
    (folder / "inner" / "x.npy").write_bytes(npy((1, 1 << 28)))
    os.truncate(folder / "inner" / "x.npy", (1 << 30) + 200)
    limit = (3 << 29, 3 << 29)
    done = subprocess.run(
        command(["report", "free.onnx", "free.onnx", "--no-latency", "-q", "--data", "inner"]),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, limit),
    )
    assert done.stderr.startswith("qconv: error: ")
    assert done.stderr.count("\n") == 1
    assert "memory" in done.stderr
    assert done.returncode == 5
