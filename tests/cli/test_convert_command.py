import errno
import json
import os
from pathlib import Path

import numpy as np
import onnx
import pytest

import qconv as package
from tests.cli.cli_helpers import (
    Qconv,
    Refuses,
    begin_and_raise,
    contents,
    limited_files,
    save_text,
)

INT8 = "convert model.onnx --dtype int8 --calibration histogram.qcal -o y.onnx"
FP16 = "convert model.onnx --dtype fp16 -o y.onnx"


def metadata(path: Path) -> dict[str, str]:
    return {entry.key: entry.value for entry in onnx.load(path).metadata_props}


def input_type(path: Path) -> int:
    return int(onnx.load(path).graph.input[0].type.tensor_type.elem_type)


def test_the_summary_of_int8(qconv: Qconv, folder: Path) -> None:
    said = qconv(INT8)
    assert (said.code, said.err) == (0, "")
    sizes = [(folder / name).stat().st_size for name in ("y.onnx", "model.onnx")]
    assert said.out.splitlines() == [
        f"y.onnx: {sizes[0] / 1e3:.2f} kB, {sizes[0] / sizes[1]:.3f} of the float model's "
        f"{sizes[1]} bytes; ranges by auto",
        "5 of 5 operators in integers",
        "  weights rounded to nearest: the record has no second moments, which --effort balanced "
        "would use; calibrate with --statistics full, or give --data",
    ]
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


@pytest.mark.parametrize("algorithm", ["gptq", "adaround"])
def test_second_moments_are_needed(refuses: Refuses, algorithm: str) -> None:
    refuses(
        f"{INT8} --algorithm {algorithm}",
        code=2,
        message=f"{algorithm} needs second moments of what the layers read",
        hint="calibrate with --statistics full, or give --data",
    )


def test_adaround_of_types_that_are_no_integers(refuses: Refuses) -> None:
    refuses(
        "convert model.onnx --dtype ternary --data data.npz --algorithm adaround -o y.onnx",
        code=2,
        message="adaround rounds up or down to integers of 2 to 8 bits, not to ternary",
        hint="choose another --algorithm for it",
    )


def test_the_summary_says_what_was_equalized(qconv: Qconv) -> None:
    line = "convert model.onnx --dtype int8 --calibration histogram.qcal -o y.onnx -f --equalize"
    assert "channels of 3 values equalized across layers" in qconv(line, "on").out
    assert "equalized" not in qconv(line, "off").out + qconv(line, "auto").out


def test_an_unknown_way_to_equalize_is_refused(qconv: Qconv) -> None:
    said = qconv("convert model.onnx --dtype int8 --data data.npz -o y.onnx --equalize all")
    assert said.code == 2
    assert "Invalid value for '--equalize': 'all' is not one of 'auto', 'on', 'off'." in said.err


def test_float_layers(qconv: Qconv) -> None:
    line = "convert model.onnx --dtype int8 --data data.npz --effort fast -o y.onnx -f"
    whole = qconv(line).out.splitlines()[1]
    for value in ("1", "Conv"):
        said = qconv(f"{line} --float-layers {value}")
        assert said.out.splitlines()[1] != whole
        assert "it is kept in float, as asked for" in said.out


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
        hint="numbers beyond that are taken for the fill of masks, not for data",
    )


def test_values_that_are_zero_throughout_are_named(qconv: Qconv, folder: Path) -> None:
    np.savez(folder / "zeros.npz", x=np.zeros((3, 3, 8, 8), np.float32))
    said = qconv("convert model.onnx --dtype int8 --data zeros.npz -o y.onnx --effort fast")
    assert said.code == 0
    remark = "1 value is zero in all samples, and anything else may be lost there: 'x'"
    assert f"  {remark}\n" in said.out
    other = qconv("convert model.onnx --dtype int8 --data data.npz -o z.onnx --effort fast")
    assert "zero in all" not in other.out


@pytest.mark.parametrize("option", ["--external-data-size", "--percentile"])
@pytest.mark.parametrize("number", ["nan", "inf"])
def test_numbers_that_are_not_finite_are_refused(qconv: Qconv, option: str, number: str) -> None:
    said = qconv(f"{INT8} {option} {number}")
    assert said.code == 2
    assert f"Invalid value for '{option}': {number} is not" in said.err


@pytest.mark.parametrize("given", [[""], ["Conv", ""]])
def test_an_empty_expression_is_refused(refuses: Refuses, given: list[str]) -> None:
    options = [part for value in given for part in ("--float-layers", value)]
    refuses(
        INT8,
        *options,
        code=2,
        message="--float-layers: an empty expression is found in every operator",
        hint="give a number, or an expression for names or types: --float-layers Gemm",
    )


@pytest.mark.parametrize("given", [[".*"], ["Conv", "Gemm"], ["100"]])
def test_a_model_that_is_kept_in_float_is_not_written(refuses: Refuses, given: list[str]) -> None:
    options = [part for value in given for part in ("--float-layers", value)]
    reasons = {
        ".*": "1 x Conv: it is kept in float, as asked for; "
        "1 x Relu: it is kept in float, as asked for; "
        "1 x GlobalAveragePool: it is kept in float, as asked for",
        "Conv": "1 x Conv: it is kept in float, as asked for; "
        "1 x Relu: it reads the output of Conv, which is in float; "
        "1 x GlobalAveragePool: it reads the output of Relu, which is in float",
    }
    refuses(
        "convert model.onnx --dtype int8 --data data.npz -q -o y.onnx",
        *options,
        code=4,
        message="model.onnx: nothing can be quantized for ort-cpu; "
        + reasons.get(given[0], reasons["Conv"]),
    )


def test_an_embedding_is_not_enough_where_all_layers_are_kept(
    folder: Path, refuses: Refuses
) -> None:
    text = """(int64[N] ids) => (float[N,24] y) <float[300,64] words, float[64,24] w> {
        e = Gather(words, ids) y = MatMul(e, w) }"""
    save_text(text, folder / "words.onnx")
    np.savez(folder / "ids.npz", ids=np.arange(8))
    refuses(
        "convert words.onnx --dtype int8 --data ids.npz -q -o y.onnx --float-layers MatMul",
        code=4,
        message="words.onnx: only its embeddings can be stored in 8 bits; no operator can run in "
        "integers",
        hint="--mode weight-only does that, and needs no data",
    )


def test_an_operator_that_is_one_with_that_before_it_is_not_kept_alone(
    qconv: Qconv, folder: Path, refuses: Refuses
) -> None:
    text = """(float[N,3,8,8] x) => (float[N,4,8,8] y) <float[4,3,1,1] w, float[4,4,1,1] v> {
        [first] a = Conv(x, w) [behind] r = Relu(a) [second] b = Conv(r, v) [last] y = Relu(b) }"""
    save_text(text, folder / "two.onnx")
    line = "convert two.onnx --dtype int8 --data data.npz -q -o y.onnx --float-layers"
    refuses(
        line,
        "Relu",
        code=2,
        message="'Relu' is found only in operators that are one with those before them in "
        "integers: 'behind' with 'first'",
        hint="keep that one in float: --float-layers '^first$'",
    )
    said = qconv(line.replace("-q ", ""), "Relu|first")
    assert said.code == 0
    remark = "1 operator is not kept in float, but one with those before them in integers: 'last'"
    assert f"  {remark} with 'second'\n" in said.out
    whole = "convert two.onnx --dtype int8 --data data.npz -o z.onnx --float-layers first"
    assert "before them in integers" not in qconv(whole).out


def test_a_table_is_kept_in_float_by_another_option(folder: Path, refuses: Refuses) -> None:
    text = """(int64[N] ids) => (float[N,24] y) <float[300,64] words, float[64,24] w> {
        e = Gather(words, ids) y = MatMul(e, w) }"""
    save_text(text, folder / "words.onnx")
    np.savez(folder / "ids.npz", ids=np.arange(8))
    refuses(
        "convert words.onnx --dtype int8 --data ids.npz -q -o y.onnx --float-layers Gather",
        code=2,
        message="'Gather' is found in the name or type of no quantized operator",
        hint="--embeddings float keeps tables in float",
    )


def test_several_numbers_of_layers_are_refused(refuses: Refuses) -> None:
    refuses(
        f"{INT8} --float-layers 1 --float-layers Gemm --float-layers 2",
        code=2,
        message="--float-layers takes one number of layers, not 1 and 2",
        hint="an expression for names or types may be given beside it, and repeated",
    )


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("(", "'(' is not a regular expression: missing ), unterminated subpattern at position 0"),
        ("conv", "'conv' is found in the name or type of no quantized operator"),
    ],
)
def test_expressions_are_checked_before_the_data_are_read(
    qconv: Qconv, folder: Path, given: str, message: str
) -> None:
    (folder / "out").mkdir()
    line = "convert model.onnx --dtype int8 --data data.npz -o out"
    said = qconv(f"{line} --float-layers {given}")
    assert said.code == 2
    assert said.err.splitlines()[0] == f"qconv: error: {message}"


def test_an_expression_is_checked_before_another_type_is_written(
    folder: Path, refuses: Refuses
) -> None:
    (folder / "out").mkdir()
    refuses(
        "convert model.onnx --dtype fp16 --dtype int8 --calibration histogram.qcal -o out",
        "--float-layers",
        "(",
        code=2,
        message="'(' is not a regular expression: missing ), unterminated subpattern at position 0",
    )


def test_the_summary_lists_what_stays_in_float(qconv: Qconv) -> None:
    said = qconv("convert log.onnx --dtype int8 --data ones.npz -o y.onnx --effort fast")
    assert said.code == 0
    assert said.out.splitlines()[1:] == [
        "1 of 2 operators in integers",
        "  1 x Log in float: ONNX Runtime's CPU provider has no integer kernel for Log",
        "  1 value is zero in all samples, and anything else may be lost there: 'l'",
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
    assert len(lines) == 8
    assert lines[1] == "1 of 8 operators in integers"
    assert lines[-1] == "  and 2 more reasons, which qconv inspect lists"


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
        "float_count": 0,
        "float_layers": [],
        "format": "operator",
        "granularity": "channel",
        "method": "percentile",
        "percentile": 99.5,
        "portable": False,
        "reduce_range": False,
        "smooth": "auto",
        "target": "ort-cpu",
        "weight_bits": 4,
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


def test_a_folder_as_output_gets_a_model_of_each_type(qconv: Qconv, folder: Path) -> None:
    (folder / "out").mkdir()
    types = "--dtype int8 --dtype fp16 --dtype bf16 --dtype int8 --effort fast"
    said = qconv(f"convert model.onnx {types} --calibration histogram.qcal -o out")
    assert said.code == 0
    names = ["model.bf16.onnx", "model.fp16.onnx", "model.int8.onnx"]
    assert sorted(contents(folder / "out")) == names
    starts = [line.split(":")[0] for line in said.out.splitlines()[::2]]
    assert starts == [f"out/model.{dtype}.onnx" for dtype in ("int8", "fp16", "bf16")]
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


@pytest.mark.parametrize(
    ("output", "hint"), [("y.onnx", "create the folder first"), ("model.onnx", "")]
)
def test_several_types_need_a_folder(refuses: Refuses, output: str, hint: str) -> None:
    line = f"convert model.onnx --dtype fp16 --dtype bf16 -o {output}"
    message = f"{output}: several types need a folder as output"
    refuses(line, code=2, message=message, hint=hint)


def test_inputs_and_outputs_can_take_the_type_too(qconv: Qconv, folder: Path) -> None:
    assert qconv(FP16).code == 0
    assert input_type(folder / "y.onnx") == onnx.TensorProto.FLOAT
    assert qconv(f"{FP16} --io fp16 --force").code == 0
    assert input_type(folder / "y.onnx") == onnx.TensorProto.FLOAT16


def test_operators_can_keep_float(qconv: Qconv) -> None:
    said = qconv(f"{FP16} --keep-float ^Conv --keep-float Gemm")
    assert said.code == 0
    assert said.out.splitlines()[1] == "3 of 5 operators in float16"


def test_a_model_of_another_float_type_becomes_float32(qconv: Qconv, folder: Path) -> None:
    text = "(double[N,4] x) => (double[N,4] y) <double[4,4] w> { y = MatMul(x, w) }"
    save_text(text, folder / "double.onnx")
    said = qconv("convert double.onnx --dtype fp32 -o y.onnx")
    assert said.code == 0
    assert said.out.splitlines()[1].endswith(" operators in float32")
    assert input_type(folder / "y.onnx") == onnx.TensorProto.FLOAT


def test_weights_can_go_to_a_file_of_their_own(qconv: Qconv, folder: Path) -> None:
    save_text(
        "(float[N,64] x) => (float[N,64] y) <float[64,64] w> { y = MatMul(x, w) }",
        folder / "wide.onnx",
    )
    line = "convert wide.onnx --dtype fp16 -o y.onnx --force"
    assert qconv(f"{line} --external-data always").code == 0
    assert (folder / "y.onnx.data").stat().st_size == 64 * 64 * 2
    (folder / "y.onnx.data").unlink()
    assert qconv(f"{line} --external-data-size 1").code == 0
    assert not (folder / "y.onnx.data").exists()
    assert qconv(f"{line} --external-data-size 0.008").code == 0
    assert (folder / "y.onnx.data").stat().st_size == 64 * 64 * 2


def test_a_data_file_that_exists_needs_force(folder: Path, refuses: Refuses) -> None:
    (folder / "y.onnx.data").write_text("of another model")
    refuses(
        f"{FP16} --external-data always",
        code=3,
        message="y.onnx.data: exists already",
        hint="pass --force to replace it",
    )


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("--dtype int8", "--calibration or --data is needed"),
        (
            "--dtype int8 --data data.npz --calibration histogram.qcal",
            "--data and --calibration exclude each other",
        ),
        (
            "--dtype fp16 --data data.npz --calibration histogram.qcal",
            "--data and --calibration exclude each other",
        ),
        ("--dtype fp16 --io bf16", "--io bf16 goes with --dtype bf16"),
        ("--dtype bf16 --io fp16", "--io fp16 goes with --dtype fp16"),
        ("--dtype fp16 --storage-only", "--storage-only goes with --dtype bf16, not with fp16"),
        ("--dtype fp16 --method mse", "--method goes with --dtype int8"),
        (
            "--dtype fp16 --algorithm rtn",
            "--algorithm goes with --dtype int8 --mode static, or weights alone: --dtype int4",
        ),
        ("--dtype bf16 --no-portable", "--no-portable goes with --dtype int8"),
        ("--dtype fp16 --reduce-range", "--reduce-range goes with --dtype int8"),
        ("--dtype fp16 --equalize on", "--equalize goes with --dtype int8"),
        (
            "--dtype int8 --mode dynamic --equalize off",
            "--equalize goes with --mode static",
        ),
        ("--dtype fp16 --bias-correction", "--bias-correction goes with --dtype int8"),
        (
            "--dtype int8 --data data.npz --percentile 99",
            "--percentile goes with --method percentile",
        ),
        (
            "--dtype int8 --data data.npz --keep-float Conv",
            "--keep-float goes with --dtype fp16 or bf16",
        ),
        ("--dtype int8 --data data.npz --storage-only", "--storage-only goes with --dtype bf16"),
        (
            "--dtype int8 --calibration histogram.qcal --samples 3",
            "--samples goes with --data",
        ),
        (
            "--dtype int8 --calibration histogram.qcal --batch-size 3",
            "--batch-size goes with --data",
        ),
        ("--dtype fp16 --image-preset imagenet-tf", "--image-preset goes with --data"),
        ("--dtype fp32 --data data.npz", "--data goes with --dtype int8, fp16 or bf16"),
        (
            "--dtype fp32 --calibration histogram.qcal",
            "--calibration goes with --dtype int8, fp16 or bf16",
        ),
        (
            "--dtype fp16 --external-data never --external-data-size 3",
            "--external-data-size goes with --external-data auto",
        ),
        ("--dtype fp16 --keep-float (", "--keep-float: not a regular expression: '('"),
        (
            "--dtype fp16 --keep-float Attention",
            "--keep-float matches no node name and no operator: 'Attention'",
        ),
    ],
)
def test_options_that_contradict_each_other(refuses: Refuses, line: str, message: str) -> None:
    refuses(f"convert model.onnx -o y.onnx {line}", code=2, message=message)


def test_options_of_one_type_go_with_others_beside_it(qconv: Qconv, folder: Path) -> None:
    (folder / "out").mkdir()
    types = "--dtype int8 --dtype bf16 --calibration histogram.qcal"
    line = f"convert model.onnx {types} --method minmax --storage-only -o out"
    assert qconv(line).code == 0


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
        ("no/", 3, "no/: no such folder"),
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
    monkeypatch.setattr("onnx_ir.save", lambda model, path, **_: counted(model, path))
    refuses(LARGE, code=3, message="y.onnx: cannot be written: No space left on device")


@pytest.mark.parametrize("line", [INT8, FP16])
def test_a_full_disk_leaves_nothing_behind(
    refuses: Refuses, monkeypatch: pytest.MonkeyPatch, line: str
) -> None:
    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    monkeypatch.setattr("qconv.pipeline.conversion.save_model", begin_and_raise(full))
    refuses(line, code=3, message="y.onnx: cannot be written: No space left on device")


def test_an_interrupt_while_writing_leaves_nothing_behind(
    qconv: Qconv, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "qconv.pipeline.conversion.save_model", begin_and_raise(KeyboardInterrupt())
    )
    before = contents(folder)
    said = qconv(INT8)
    assert (said.code, said.error.strip()) == (130, "qconv: interrupted")
    assert contents(folder) == before
