import json
from pathlib import Path

import numpy as np
import pytest

from tests.cli.cli_helpers import Qconv, Refuses, save_text

INT8 = "convert model.onnx --dtype int8 --calibration ranges.qcal -o y.onnx -q"


@pytest.fixture(autouse=True)
def int8(qconv: Qconv) -> None:
    assert qconv(INT8).code == 0


def test_outputs_inner_values_and_what_they_come_to(qconv: Qconv) -> None:
    said = qconv("compare model.onnx y.onnx --data data.npz --sqnr 60")
    assert said.code == 0
    assert "operator" in said.out
    assert "0 of 1 output is identical in every bit on 6 samples." in said.out
    assert "The first below 60 dB: '" in " ".join(said.out.split())
    assert "comparing outputs" in said.err


def test_the_same_model_has_nothing_to_show(qconv: Qconv) -> None:
    said = qconv("compare model.onnx model.onnx --data data.npz --check -q")
    assert (said.code, said.err) == (0, "")
    assert "inner value  " not in said.out
    assert "All of them are identical in every bit." in said.out


def test_check_is_the_exit_code(qconv: Qconv) -> None:
    line = "compare model.onnx y.onnx --data data.npz --check -q"
    assert qconv(f"{line} --sqnr 5").code == 0
    assert qconv(f"{line} --sqnr 90").code == 1


def test_every_difference_counts_below_infinity_and_none_below_nan(qconv: Qconv) -> None:
    line = "compare model.onnx y.onnx --data data.npz --check -q"
    assert qconv(f"{line} --sqnr inf").code == 1
    said = qconv(f"{line} --sqnr nan")
    assert said.code == 2
    assert "Invalid value for '--sqnr': nan is not a number of dB." in said.err


def test_json_has_everything_and_is_alone_on_standard_output(qconv: Qconv, folder: Path) -> None:
    said = qconv("compare model.onnx y.onnx --data data.npz --json -")
    found = json.loads(said.out)
    assert found["schema"] == 1
    assert found["samples"] == 6
    assert [output["name"] for output in found["outputs"]] == ["y"]
    assert found["values"]
    assert qconv("compare model.onnx y.onnx --data data.npz --json c.json").code == 0
    assert json.loads((folder / "c.json").read_text()) == found


def test_an_input_is_not_replaced(qconv: Qconv) -> None:
    said = qconv("compare model.onnx y.onnx --data data.npz --json y.onnx")
    assert said.code == 2
    assert "y.onnx: the output would replace model B" in said.error


def test_outputs_that_are_no_tensors_are_refused(folder: Path, refuses: Refuses) -> None:
    split = (
        "(float[4,2] x) => (seq(float[k,2]) y) <int64[2] n = {1, 3}> { y = SplitToSequence(x, n) }"
    )
    save_text(split, folder / "split.onnx")
    np.savez(folder / "x.npz", x=np.ones((1, 4, 2), np.float32))
    refuses(
        "compare split.onnx split.onnx --data x.npz",
        code=4,
        message="split.onnx: the output 'y' has the type seq(tensor(float)); only plain tensors of "
        "numbers can be compared",
    )
