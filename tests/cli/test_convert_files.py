"""The files that convert writes, and those that it must not."""

import errno
import fcntl
import hashlib
import os
import subprocess
from pathlib import Path
from typing import Any

import onnx
import pytest

from tests.cli.cli_helpers import (
    TANH,
    Qconv,
    Refuses,
    begin_and_raise,
    command,
    contents,
    limited_files,
    save_text,
)
from tests.model_helpers import side_files

INT8 = "convert model.onnx --dtype int8 --calibration histogram.qcal -o y.onnx"
FP16 = "convert model.onnx --dtype fp16 -o y.onnx"


def test_a_folder_as_output_gets_a_model_of_each_type(qconv: Qconv, folder: Path) -> None:
    (folder / "out").mkdir()
    types = "--dtype int8 --dtype fp16 --dtype bf16 --dtype int8 --effort fast"
    said = qconv(f"convert model.onnx {types} --calibration histogram.qcal -o out")
    assert said.code == 0
    names = ["model.bf16.onnx", "model.fp16.onnx", "model.int8.onnx"]
    assert sorted(contents(folder / "out")) == names
    lines = said.out.splitlines()
    starts = [line.split(":")[0] for line in lines if line.startswith("out/")]
    assert starts == [f"out/model.{dtype}.onnx" for dtype in ("int8", "fp16", "bf16")]
    assert sum(line.startswith("error at the outputs, on 6 samples: y ") for line in lines) == 2
    assert qconv("convert model.onnx --dtype fp16 -o out/ --force").code == 0


def test_one_of_the_outputs_exists_and_none_is_written(folder: Path, refuses: Refuses) -> None:
    (folder / "out").mkdir()
    (folder / "out" / "model.fp16.onnx").write_text("old")
    refuses(
        "convert model.onnx --dtype bf16 --dtype fp16 -o out",
        code=3,
        message="out/model.fp16.onnx: exists already",
        hint="pass --force to replace it",
    )


def test_a_type_that_fails_leaves_those_before_it(qconv: Qconv, folder: Path) -> None:
    (folder / "out").mkdir()
    save_text(TANH, folder / "tanh.onnx")
    said = qconv("convert tanh.onnx --dtype fp16 --dtype int4 --dtype bf16 -o out")
    assert said.code == 4
    assert "tanh.onnx: it has no weights to store in int4" in said.error
    assert [*contents(folder / "out")] == ["tanh.fp16.onnx"]


@pytest.mark.parametrize("output", ["y.onnx", "model.onnx"])
def test_several_types_need_a_folder(refuses: Refuses, output: str) -> None:
    line = f"convert model.onnx --dtype fp16 --dtype bf16 -o {output}"
    message = f"{output}: several types need a folder as output"
    refuses(line, code=2, message=message)


def test_weights_can_go_to_a_file_of_their_own(qconv: Qconv, folder: Path) -> None:
    save_text(
        "(float[N,64] x) => (float[N,64] y) <float[64,64] w> { y = MatMul(x, w) }",
        folder / "wide.onnx",
    )
    line = "convert wide.onnx --dtype fp16 -o y.onnx --force"
    assert qconv(f"{line} --external-data always").code == 0
    (weights,) = side_files(folder / "y.onnx")
    assert weights.stat().st_size == 64 * 64 * 2
    assert weights.name == f"y.onnx.{hashlib.sha256(weights.read_bytes()).hexdigest()[:16]}.data"
    assert qconv(f"{line} --external-data-size 1").code == 0
    assert side_files(folder / "y.onnx") == []
    assert qconv(f"{line} --external-data-size 0.008").code == 0
    assert side_files(folder / "y.onnx") == [weights]


def test_a_data_file_that_exists_needs_force(qconv: Qconv, folder: Path, refuses: Refuses) -> None:
    _save_large(folder)
    (folder / "w.bin").write_text("of another model")
    line = "convert large.onnx --dtype fp16 -o y.onnx --external-data-name w.bin"
    refuses(line, code=3, message="w.bin: exists already", hint="pass --force to replace it")
    assert qconv(f"{line} --force").code == 0
    assert (folder / "w.bin").stat().st_size == 128 * 128 * 2
    assert side_files(folder / "y.onnx") == []
    onnx.checker.check_model(str(folder / "y.onnx"))


def test_an_output_that_exists_needs_force(qconv: Qconv, folder: Path, refuses: Refuses) -> None:
    (folder / "y.onnx").write_text("old")
    message = "y.onnx: exists already"
    refuses(INT8, code=3, message=message, hint="pass --force to replace it")
    assert qconv(f"{INT8} --force").code == 0
    onnx.checker.check_model(str(folder / "y.onnx"))


@pytest.mark.parametrize(
    ("output", "code", "message"),
    [
        ("model.onnx", 2, "model.onnx: the output would replace the float model"),
        ("link.onnx", 2, "link.onnx: the output would replace the float model"),
        ("histogram.qcal", 2, "histogram.qcal: the output would replace the record"),
        ("no/y.onnx", 3, "no: no such folder"),
        ("no/such/", 3, "no: no such folder"),
        ("data.npz/y.onnx", 3, "data.npz: is a file, not a folder"),
        ("/dev/full", 3, "/dev/full: is a device or a pipe"),
    ],
)
def test_outputs_that_are_refused_even_by_force(
    folder: Path, refuses: Refuses, output: str, code: int, message: str
) -> None:
    (folder / "link.onnx").symlink_to("model.onnx")
    line = "convert model.onnx --dtype int8 --calibration histogram.qcal --force -o"
    refuses(line, output, code=code, message=message)


def test_data_are_not_replaced(refuses: Refuses) -> None:
    line = "convert model.onnx --dtype int8 --data data.npz --force -o data.npz"
    refuses(line, code=2, message="data.npz: the output would replace the data")


def test_a_folder_without_permission(refuses: Refuses, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)
    refuses(FP16, code=3, message=".: no permission to write here")


@pytest.mark.parametrize("line", [INT8, FP16])
def test_a_disk_that_refuses_the_model(refuses: Refuses, line: str) -> None:
    with limited_files(100):
        refuses(line, code=3, message="y.onnx: cannot be written: File too large")


def _save_large(folder: Path) -> None:
    text = "(float[N,128] x) => (float[N,128] y) <float[128,128] w> { y = MatMul(x, w) }"
    save_text(text, folder / "large.onnx")


LARGE = "convert large.onnx --dtype fp16 --external-data always -o y.onnx"


def test_a_disk_that_refuses_weights_beside_the_model(folder: Path, refuses: Refuses) -> None:
    _save_large(folder)
    with limited_files(10_000):
        refuses(LARGE, code=3, message="y.onnx: cannot be written: File too large")


def test_weights_beside_the_model_fill_the_disk(
    folder: Path, refuses: Refuses, monkeypatch: pytest.MonkeyPatch
) -> None:
    _save_large(folder)
    counted = begin_and_raise(OSError("16384 requested and 4096 written"))
    monkeypatch.setattr(
        "onnx_ir.external_data.unload_from_model",
        lambda model, folder, name, **_: counted(model, folder / name),
    )
    refuses(LARGE, code=3, message="y.onnx: cannot be written: No space left on device")


def test_two_runs_at_once(folder: Path) -> None:
    _save_large(folder)
    runs = [
        subprocess.Popen(command([*LARGE.split(), "-q"]), stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    said = sorted((run.communicate()[1], run.returncode) for run in runs)
    exists = "qconv: error: y.onnx: exists already\nhint: pass --force to replace it\n"
    assert said == [("", 0), (exists, 3)]
    assert len(side_files(folder / "y.onnx")) == 1
    onnx.checker.check_model("y.onnx")


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_nobody_reads_what_is_printed(folder: Path, stream: str) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, stream: writing}
    done = subprocess.run(command(INT8.split()), **pipes, check=False)
    os.close(writing)
    assert done.returncode == (141 if stream == "stdout" else 0)
    onnx.checker.check_model(str(folder / "y.onnx"))


@pytest.mark.parametrize("line", [INT8, FP16])
def test_a_full_disk_leaves_nothing_behind(
    refuses: Refuses, monkeypatch: pytest.MonkeyPatch, line: str
) -> None:
    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    monkeypatch.setattr("qconv.pipeline.writing.save_model", begin_and_raise(full))
    refuses(line, code=3, message="y.onnx: cannot be written: No space left on device")


def test_an_interrupt_while_writing_leaves_nothing_behind(
    qconv: Qconv, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("qconv.pipeline.writing.save_model", begin_and_raise(KeyboardInterrupt()))
    before = contents(folder)
    said = qconv(INT8)
    assert (said.code, said.error.strip()) == (130, "qconv: interrupted")
    assert contents(folder) == before


def test_a_folder_that_another_program_has_locked_is_told_before_the_work(
    folder: Path, refuses: Refuses, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("qconv.outputs.staging._PATIENCE", 0.1)
    descriptor = os.open(folder, os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    (folder / "no_model.onnx").write_text("")
    refuses(
        "convert no_model.onnx --dtype fp16 -o y.onnx",
        code=3,
        message=".: another program holds a lock (flock) on this folder, which qconv needs to "
        "write a model there: waited 0.1 s",
        hint="to run one command at a time, lock a file, not the folder of the output",
    )
    os.close(descriptor)


def test_weights_that_vanish_meanwhile_are_told_by_their_name(
    folder: Path, qconv: Qconv, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights = folder / "big.data"
    model = save_text(
        "(float[N,64] x) => (float[N,64] y) <float[64,64] w> { y = MatMul(x, w) }",
        folder / "big.onnx",
    )
    onnx.save(model, folder / "big.onnx", save_as_external_data=True, location=weights.name)

    def vanish(*_: object) -> None:
        weights.unlink()

    monkeypatch.setattr("qconv.pipeline.writing.remove_notes", vanish)
    said = qconv("convert big.onnx --dtype fp16 -o y.onnx")
    assert said.code == 3
    assert said.error.startswith("qconv: error: ")
    assert said.error.strip().endswith(f"{weights.name}: No such file or directory")
    assert not (folder / "y.onnx").exists()
