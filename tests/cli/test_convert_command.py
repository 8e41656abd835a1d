"""What convert writes, and what it says of it."""

import json
import re
from pathlib import Path

import numpy as np
import onnx
import pytest

import qconv as package
from tests.cli.cli_helpers import (
    Qconv,
    Refuses,
    save_text,
)

INT8 = "convert model.onnx --dtype int8 --calibration histogram.qcal -o y.onnx"
FP16 = "convert model.onnx --dtype fp16 -o y.onnx"


def metadata(path: Path) -> dict[str, str]:
    return {entry.key: entry.value for entry in onnx.load(path).metadata_props}


def input_type(path: Path) -> int:
    return int(onnx.load(path).graph.input[0].type.tensor_type.elem_type)


FEW = (
    "  {} samples for calibration: with fewer than 32, ranges may miss numbers that the model will "
    "meet"
)


def test_the_summary_of_int8(qconv: Qconv, folder: Path) -> None:
    said = qconv(INT8)
    assert (said.code, said.err) == (0, "")
    sizes = [(folder / name).stat().st_size for name in ("y.onnx", "model.onnx")]
    *lines, errors = said.out.splitlines()
    assert lines == [
        f"y.onnx: {sizes[0] / 1e3:.2f} kB, {sizes[0] / sizes[1]:.3f} of the float model's "
        f"{sizes[1]} bytes; ranges by clip",
        "4 of 4 operators in integers",
        FEW.format(6),
        "  weights rounded to nearest: the record has no second moments, which --effort balanced "
        "would use; calibrate with --statistics full, or give --data",
    ]
    assert re.fullmatch(r"error at the outputs, on 6 samples: y \d\d\.\d dB", errors)
    assert "GPTQ" in qconv("convert model.onnx --dtype int8 --data data.npz -o z.onnx").out


def test_weights_are_rounded_as_asked_for(qconv: Qconv, folder: Path) -> None:
    line = "convert model.onnx --dtype int8 --weights int4 --data data.npz -o y.onnx -f --algorithm"
    made = set()
    for algorithm, name in (("rtn", None), ("gptq", "GPTQ"), ("adaround", "AdaRound")):
        said = qconv(line, algorithm)
        assert f"weights rounded by {name} in 2 layers" in said.out or name is None
        tensors = onnx.load(folder / "y.onnx").graph.initializer
        made.add(
            tuple(each.raw_data for each in tensors if each.data_type == onnx.TensorProto.INT4)
        )
    assert len(made) == 3


def test_the_summary_says_what_was_equalized(qconv: Qconv) -> None:
    line = "convert model.onnx --dtype int8 --calibration histogram.qcal -o y.onnx -f --equalize"
    assert "channels of 3 values equalized across layers" in qconv(line, "on").out
    assert "equalized" not in qconv(line, "off").out + qconv(line, "auto").out


@pytest.mark.parametrize("given", ["data", "calibration"])
def test_data_beyond_all_ranges_are_refused(
    qconv: Qconv, folder: Path, refuses: Refuses, given: str
) -> None:
    np.savez(folder / "huge.npz", x=np.full((3, 3, 8, 8), 1e35, np.float32))
    assert qconv("calibrate model.onnx --data huge.npz -o huge.qcal -q").code == 0
    source = {"data": "--data huge.npz", "calibration": "--calibration huge.qcal"}[given]
    refuses(
        f"convert model.onnx --dtype int8 {source} -q -o y.onnx",
        code=3,
        message="'x' has no range: in all calibration samples it is empty, or beyond 1e+30 "
        "throughout",
        hint="larger numbers count as the fill of masks, not as data",
    )


def test_values_that_are_zero_throughout_are_named(qconv: Qconv, folder: Path) -> None:
    np.savez(folder / "zeros.npz", x=np.zeros((3, 3, 8, 8), np.float32))
    said = qconv("convert model.onnx --dtype int8 --data zeros.npz -o y.onnx --effort fast")
    assert said.code == 0
    remark = "1 value is zero in all samples, so other numbers may be lost there: 'x'"
    assert f"  {remark}\n" in said.out
    other = qconv("convert model.onnx --dtype int8 --data data.npz -o z.onnx --effort fast")
    assert "zero in all" not in other.out


def test_the_summary_lists_what_stays_in_float(qconv: Qconv) -> None:
    said = qconv("convert log.onnx --dtype int8 --data ones.npz -o y.onnx --effort fast")
    assert said.code == 0
    assert said.out.splitlines()[1:] == [
        "1 of 2 operators in integers",
        "  1 x Log in float: ONNX Runtime's CPU provider has no integer kernel for Log",
        FEW.format(5),
        "  1 value is zero in all samples, so other numbers may be lost there: 'l'",
        "error at the outputs, on 5 samples: y no error",
    ]
    assert said.err.splitlines()[-1].startswith("calibrating: 5/5 (100 %)")


def test_the_summary_lists_five_reasons_and_counts_the_rest(qconv: Qconv, folder: Path) -> None:
    ops = ["Sin", "Cos", "Exp", "Erf", "Abs", "Neg", "Floor"]
    names = ["x", *(f"{op}_out" for op in ops)]
    chain = [f"{to} = {op}({by})" for op, by, to in zip(ops, names[:-1], names[1:], strict=True)]
    nodes = " ".join([*chain, f"y = MatMul({names[-1]}, w)"])
    text = f"(float[N,4] x) => (float[N,4] y) <float[4,4] w> {{ {nodes} }}"
    save_text(text, folder / "many.onnx")
    said = qconv("convert many.onnx --dtype int8 --data ones.npz -o y.onnx --effort fast")
    lines = said.out.splitlines()
    assert len(lines) == 10
    assert lines[1] == "1 of 8 operators in integers"
    assert lines[-3] == "  and 2 more reasons; qconv inspect lists them"


def test_a_large_error_is_told_with_what_to_do_next(qconv: Qconv) -> None:
    line = "convert model.onnx --dtype int8 --data data.npz"
    said = qconv(f"{line} --method percentile --percentile 51 -o y.onnx")
    assert said.code == 0
    assert said.out.splitlines()[-2:] == [
        "WARNING: an output has a larger error than usual: at 15 dB the error is 18 % of the "
        "signal",
        "  qconv report shows if your metric suffers; qconv tune searches for a file that loses "
        "less",
    ]
    assert "WARNING" not in qconv(f"{line} -o z.onnx").out


@pytest.mark.parametrize("dtype", ["int8", "fp16", "bf16"])
def test_quiet_prints_nothing(qconv: Qconv, folder: Path, dtype: str) -> None:
    said = qconv(f"convert model.onnx --dtype {dtype} --data data.npz -o y.onnx -q")
    assert (said.code, said.out, said.err) == (0, "", "")
    assert (folder / "y.onnx").is_file()


@pytest.mark.parametrize("dtype", ["int8", "fp16", "bf16"])
def test_written_twice_a_model_has_the_same_bytes(qconv: Qconv, folder: Path, dtype: str) -> None:
    for name in ("y.onnx", "z.onnx"):
        line = f"convert model.onnx --dtype {dtype} --calibration histogram.qcal -o {name}"
        assert qconv(line).code == 0
    assert (folder / "y.onnx").read_bytes() == (folder / "z.onnx").read_bytes()


def test_calibrating_on_the_way_gives_the_same_bytes(qconv: Qconv, folder: Path) -> None:
    assert qconv(INT8, "--effort", "fast").code == 0
    line = "convert model.onnx --dtype int8 --effort fast --data data.npz -o z.onnx --batch-size 4"
    assert qconv(line).code == 0
    assert (folder / "y.onnx").read_bytes() == (folder / "z.onnx").read_bytes()


def test_the_model_says_how_it_was_made(qconv: Qconv, folder: Path) -> None:
    line = "--method percentile --percentile 99.5 --no-portable --effort fast --weights int4"
    assert qconv(f"{INT8} {line}").code == 0
    made = metadata(folder / "y.onnx")
    assert json.loads(made.pop("qconv.settings")) == {
        "activations": "uint8",
        "algorithm": "auto",
        "bias_correction": True,
        "effort": "fast",
        "embeddings": "auto",
        "equalize": "auto",
        "float_layers": [],
        "layers": [],
        "format": "operator",
        "granularity": "auto",
        "gates": "auto",
        "method": "percentile",
        "percentile": 99.5,
        "portable": False,
        "reduce_range": False,
        "smooth": "auto",
        "target": "ort-cpu",
        "weights": "int4",
    }
    assert made.pop("qconv.version") == package.__version__
    assert made.pop("qconv.dtype") == "int8"
    assert len(made["qconv.record"]) == len(made["qconv.float_model"]) == 64
    assert set(made) == {"qconv.record", "qconv.float_model"}


def test_another_record_gives_another_fingerprint(qconv: Qconv, folder: Path) -> None:
    found = set()
    for samples in (2, 3):
        line = f"convert model.onnx --dtype int8 --data data.npz --samples {samples} -o y.onnx -f"
        assert qconv(line).code == 0
        made = metadata(folder / "y.onnx")
        found.add((made["qconv.record"], made["qconv.float_model"]))
    assert len({record for record, _ in found}) == 2
    assert len({model for _, model in found}) == 1


def test_inputs_and_outputs_can_take_the_type_too(qconv: Qconv, folder: Path) -> None:
    assert qconv(FP16).code == 0
    assert input_type(folder / "y.onnx") == onnx.TensorProto.FLOAT
    assert qconv(f"{FP16} --io fp16 --force").code == 0
    assert input_type(folder / "y.onnx") == onnx.TensorProto.FLOAT16


def test_operators_can_keep_float(qconv: Qconv) -> None:
    said = qconv(f"{FP16} --float-layers ^Conv --keep-float Gemm")
    assert said.code == 0
    assert said.out.splitlines()[1] == "3 of 5 operators in float16"


def test_a_model_of_another_float_type_becomes_float32(qconv: Qconv, folder: Path) -> None:
    text = "(double[N,4] x) => (double[N,4] y) <double[4,4] w> { y = MatMul(x, w) }"
    save_text(text, folder / "double.onnx")
    said = qconv("convert double.onnx --dtype fp32 -o y.onnx")
    assert said.code == 0
    assert said.out.splitlines()[1].endswith(" operators in float32")
    assert input_type(folder / "y.onnx") == onnx.TensorProto.FLOAT


def test_float32_of_a_float32_model(refuses: Refuses) -> None:
    refuses(
        "convert model.onnx --dtype fp32 -o y.onnx",
        code=4,
        message="model.onnx: it holds no float64, float16 or bfloat16",
    )


@pytest.mark.parametrize("source", ["--data ones.npz", "--calibration all.qcal"])
def test_nothing_can_be_quantized(qconv: Qconv, refuses: Refuses, source: str) -> None:
    assert qconv("calibrate tanh.onnx --data ones.npz --values all -o all.qcal").code == 0
    refuses(
        f"convert tanh.onnx --dtype int8 -o y.onnx {source}",
        code=4,
        message="tanh.onnx: nothing can be quantized for ort-cpu; 2 x Tanh: "
        "ONNX Runtime's CPU provider has no integer kernel for Tanh",
        hint="qconv inspect lists the reason for each operator",
    )


def test_fp16_without_data_says_what_it_cannot_know(qconv: Qconv) -> None:
    sentence = "not checked on data: values beyond 65,504 become infinite; "
    assert sentence in qconv(FP16).out
    assert sentence not in qconv(f"{FP16} --data data.npz --force").out
