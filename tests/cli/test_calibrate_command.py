import errno
import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray

from tests.cli.cli_helpers import (
    Qconv,
    Refuses,
    begin_and_raise,
    contents,
    limited_files,
)
from tests.model_helpers import parse

Arrays = Mapping[str, NDArray[np.generic]]
ZEROS = np.zeros((4, 3, 8, 8), np.float32)
LINE = "calibrate model.onnx -o r.qcal --data"


def test_the_summary_and_the_progress(qconv: Qconv) -> None:
    said = qconv("calibrate model.onnx --data data.npz -o r.qcal")
    assert said.code == 0
    few = "for calibration: with fewer than 32, ranges may miss numbers that the model will meet\n"
    assert said.out == (
        "r.qcal: 6 samples, histogram of 4 values, second moments of 2 inputs of layers\n"
        f"  6 samples {few}"
    )
    assert said.err.splitlines()[-1].startswith("calibrating: 6/6 (100 %)")
    said = qconv("calibrate log.onnx --data ones.npz --statistics ranges --samples 1 -o l.qcal")
    assert said.out == f"l.qcal: 1 sample, ranges of 1 value\n  1 sample {few}"


def test_quiet_prints_nothing(qconv: Qconv, folder: Path) -> None:
    said = qconv("calibrate model.onnx --data data.npz -o r.qcal --quiet")
    assert (said.code, said.out, said.err) == (0, "", "")
    assert (folder / "r.qcal").is_file()


def test_written_twice_a_record_has_the_same_bytes(qconv: Qconv, folder: Path) -> None:
    line = "calibrate model.onnx --data data.npz"
    assert qconv(f"{line} -o r.qcal").code == 0
    assert (folder / "r.qcal").read_bytes() == (folder / "full.qcal").read_bytes()
    assert qconv(f"{line} --statistics histogram --batch-size 4 -o s.qcal").code == 0
    assert (folder / "s.qcal").read_bytes() == (folder / "histogram.qcal").read_bytes()


def test_samples_are_taken_from_all_over_the_data(qconv: Qconv, folder: Path) -> None:
    rows = np.zeros((10, 3, 8, 8), np.float32)
    rows[9] = 1
    np.savez(folder / "late.npz", x=rows)
    assert qconv("calibrate model.onnx --data late.npz --samples 2 -o r.qcal").out.startswith(
        "r.qcal: 2 samples,"
    )
    assert qconv("calibrate model.onnx --data late.npz --samples 99 -o s.qcal").out.startswith(
        "s.qcal: 10 samples,"
    )


def test_several_data_follow_one_another(qconv: Qconv) -> None:
    said = qconv("calibrate log.onnx --data ones.npz --data ones.npz -o r.qcal")
    assert said.out.startswith("r.qcal: 5 samples,")


def test_a_fixed_first_axis_takes_no_batches(refuses: Refuses) -> None:
    refuses(
        "calibrate fixed.onnx --data ones.npz --batch-size 2 -o r.qcal",
        code=2,
        message="samples cannot be joined into batches: the model's input 'x', float32 [1, 4], "
        "has a fixed first axis",
        hint="use a batch size of 1",
    )


def test_an_output_that_exists_needs_force(qconv: Qconv, folder: Path, refuses: Refuses) -> None:
    (folder / "r.qcal").write_text("old")
    message = "r.qcal: exists already"
    refuses(f"{LINE} data.npz", code=3, message=message, hint="pass --force to replace it")
    assert qconv(f"{LINE} data.npz --force").code == 0
    assert (folder / "r.qcal").read_bytes() == (folder / "full.qcal").read_bytes()


def test_a_link_that_leads_nowhere_exists_too(folder: Path, refuses: Refuses) -> None:
    (folder / "r.qcal").symlink_to("nowhere")
    refuses(f"{LINE} data.npz", code=3, message="r.qcal: exists already")


@pytest.mark.parametrize(
    ("output", "message", "hint"),
    [
        ("no/r.qcal", "no: no such folder", "create it first"),
        ("model.onnx/r.qcal", "model.onnx: is a file, not a folder", ""),
        (".", ".: is a folder; a file name is needed", ""),
        ("no/", "no/: no such folder", "create it first"),
        ("/dev/null", "/dev/null: is a device or a pipe", None),
        ("a" * 300, f"{'a' * 300}: cannot be written: File name too long", ""),
    ],
)
def test_an_output_that_cannot_be_written(
    refuses: Refuses, output: str, message: str, hint: str | None
) -> None:
    line = f"calibrate model.onnx --data data.npz --force -o {output}"
    refuses(line, code=3, message=message, hint=hint)


def test_a_folder_without_permission(refuses: Refuses, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[Path, int]] = []

    def refused(path: Path, mode: int) -> bool:
        asked.append((path, mode))
        return False

    monkeypatch.setattr(os, "access", refused)
    refuses(f"{LINE} data.npz", code=3, message=".: no permission to write here")
    assert asked == [(Path(), os.W_OK | os.X_OK)]


@pytest.mark.parametrize(
    ("output", "what"),
    [
        ("model.onnx", "the float model"),
        ("./model.onnx", "the float model"),
        ("data.npz", "the data"),
        ("feeds.py", "the data"),
    ],
)
def test_what_is_read_is_never_replaced(
    folder: Path, refuses: Refuses, output: str, what: str
) -> None:
    (folder / "feeds.py").write_text("def feeds(): return []\n")
    line = f"calibrate model.onnx --data data.npz --data feeds.py:feeds --force -o {output}"
    path = Path(output)
    refuses(line, code=2, message=f"{path}: the output would replace {what}")


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"y": ZEROS}, "no array for the model's input 'x'; found 'y'; expected 'x'"),
        (
            {"x": ZEROS.astype(np.uint8)},
            "array 'x' is uint8; the model's input 'x' is float32 [N, 3, 8, 8]",
        ),
        (
            {"x": ZEROS[:, :2]},
            "array 'x' has shape [4, 2, 8, 8]; the model's input 'x' is float32 [N, 3, 8, 8]",
        ),
        ({"x": ZEROS[:0]}, "holds no samples"),
        (
            {"x": ZEROS, "labels": np.arange(3)},
            "array 'labels' holds 3 labels for 4 samples",
        ),
    ],
)
def test_data_that_do_not_fit(folder: Path, refuses: Refuses, arrays: Arrays, message: str) -> None:
    np.savez(folder / "bad.npz", **arrays)  # type: ignore[arg-type]
    refuses(f"{LINE} bad.npz", code=3, message=f"bad.npz: {message}")


@pytest.mark.parametrize(("number", "shown"), [(np.nan, "NaN"), (np.inf, "Inf"), (-np.inf, "-Inf")])
def test_data_that_are_not_finite(
    folder: Path, refuses: Refuses, number: float, shown: str
) -> None:
    rows = ZEROS.copy()
    rows[2, 1, 0, 5] = number
    np.savez(folder / "bad.npz", x=rows)
    refuses(
        f"{LINE} bad.npz",
        code=3,
        message=f"bad.npz[2]: input 'x' holds {shown} at [0, 1, 0, 5]",
    )


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ("no.npz", "no.npz: there is no such file or folder"),
        ("histogram.qcal", "histogram.qcal: is of a kind that qconv cannot read"),
        ("empty", "empty: the folder holds no data that qconv reads"),
        ("script.py:feeds", "script.py:feeds: there is no file script.py"),
    ],
)
def test_data_that_are_none(folder: Path, refuses: Refuses, data: str, message: str) -> None:
    (folder / "empty").mkdir()
    refuses(f"{LINE} {data}", code=3, message=message)


@pytest.mark.parametrize(
    ("model", "found", "value"), [("reciprocal.onnx", "Inf", "l"), ("divide.onnx", "NaN", "q")]
)
def test_a_model_that_makes_what_is_not_finite(
    refuses: Refuses, model: str, found: str, value: str
) -> None:
    refuses(
        f"calibrate {model} --data zero.npz -o r.qcal",
        code=3,
        message=f"zero.npz[3]: the float model gives {found} at '{value}'",
        hint="a model whose inner values are not finite cannot be calibrated",
    )


def test_minus_infinity_is_a_mask(qconv: Qconv) -> None:
    said = qconv("calibrate log.onnx --data zero.npz -o r.qcal")
    assert said.code == 0


def test_nothing_to_quantize(refuses: Refuses) -> None:
    refuses(
        "calibrate tanh.onnx --data ones.npz -o r.qcal",
        code=4,
        message="tanh.onnx: nothing can be quantized for ort-cpu; 2 x Tanh: "
        "ONNX Runtime's CPU provider has no integer kernel for Tanh",
        hint="qconv inspect lists the reason for each operator",
    )


def test_all_values_can_be_looked_at_where_nothing_can_be_quantized(qconv: Qconv) -> None:
    said = qconv("calibrate tanh.onnx --data ones.npz --values all -o r.qcal")
    assert said.code == 0
    assert said.out.startswith("r.qcal: 5 samples, histogram of ")


def test_a_disk_that_refuses_the_record(refuses: Refuses) -> None:
    with limited_files(100):
        refuses(f"{LINE} data.npz", code=3, message="r.qcal: cannot be written: File too large")


def test_a_full_disk_leaves_nothing_behind(
    refuses: Refuses, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    monkeypatch.setattr("qconv.pipeline.calibration.write_record", begin_and_raise(full))
    message = "r.qcal: cannot be written: No space left on device"
    refuses(f"{LINE} data.npz", code=3, message=message)


def test_an_interrupt_while_writing_leaves_nothing_behind(
    qconv: Qconv, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "qconv.pipeline.calibration.write_record", begin_and_raise(KeyboardInterrupt())
    )
    before = contents(folder)
    said = qconv(f"{LINE} data.npz")
    assert (said.code, said.error.strip()) == (130, "qconv: interrupted")
    assert contents(folder) == before


@pytest.mark.parametrize(
    "line",
    ["calibrate custom.onnx -o x.qcal", "convert custom.onnx --dtype int8 -o y.onnx"],
    ids=["calibrate", "convert"],
)
def test_a_model_that_the_runtime_has_no_kernel_for_is_named(
    folder: Path, refuses: Refuses, line: str
) -> None:
    model = parse("(float[N,3,8,8] x) => (float[N,4,8,8] y) <float[4,3,1,1] w> { y = Conv(x, w) }")
    model.graph.node[0].output[0] = "c"
    model.graph.node.append(onnx.helper.make_node("Own", ["c"], ["y"], domain="own"))
    model.opset_import.append(onnx.helper.make_opsetid("own", 1))
    onnx.save(model, folder / "custom.onnx")
    refuses(
        f"{line} --data data.npz -q",
        code=4,
        message="custom.onnx: ONNX Runtime has no kernel for one of its operators: "
        "[ONNXRuntimeError] : 1 : FAIL : "
        "Fatal error: own:Own(-1) is not a registered function/op",
    )
