"""Operators that stay in float because the user wants it."""

from pathlib import Path

import numpy as np
import pytest

from tests.cli.cli_helpers import (
    Qconv,
    Refuses,
    save_text,
)

INT8 = "convert model.onnx --dtype int8 --calibration histogram.qcal -o y.onnx"

NO_EXPRESSION = (
    "--float-layers: '(' is not a regular expression: "
    "missing ), unterminated subpattern at position 0"
)


def test_float_layers(qconv: Qconv) -> None:
    line = "convert model.onnx --dtype int8 --data data.npz --effort fast -o y.onnx -f"
    whole = qconv(line).out.splitlines()[1]
    for value in ("1", "Conv"):
        said = qconv(f"{line} --float-layers {value}")
        assert said.out.splitlines()[1] != whole
        assert "it is kept in float, as requested" in said.out


@pytest.mark.parametrize("given", [[""], ["Conv", ""]])
def test_an_empty_expression_is_refused(refuses: Refuses, given: list[str]) -> None:
    options = [part for value in given for part in ("--float-layers", value)]
    refuses(
        INT8,
        *options,
        code=2,
        message="--float-layers: an empty expression matches every operator",
        hint="give an expression for names or types: --float-layers Gemm",
    )


@pytest.mark.parametrize("given", [[".*"], ["Conv", "Gemm"], ["100"]])
def test_a_model_that_is_kept_in_float_is_not_written(refuses: Refuses, given: list[str]) -> None:
    options = [part for value in given for part in ("--float-layers", value)]
    reasons = {
        ".*": "1 x Conv: it is kept in float, as requested; "
        "1 x Relu: it is kept in float, as requested; "
        "1 x GlobalAveragePool: it is kept in float, as requested",
        "Conv": "1 x Conv: it is kept in float, as requested; "
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
        message="'Relu' matches only operators that are fused with the one before them: 'behind' "
        "with 'first'",
        hint="keep that one in float: --float-layers '^first$'",
    )
    said = qconv(line.replace("-q ", ""), "Relu|first")
    assert said.code == 0
    remark = "1 operator is not kept in float, because of fusion with the operator before: 'last'"
    assert f"  {remark} with 'second'\n" in said.out
    whole = "convert two.onnx --dtype int8 --data data.npz -o z.onnx --float-layers first"
    assert "fusion with the operator before" not in qconv(whole).out


def test_a_table_is_kept_in_float_by_another_option(folder: Path, refuses: Refuses) -> None:
    text = """(int64[N] ids) => (float[N,24] y) <float[300,64] words, float[64,24] w> {
        e = Gather(words, ids) y = MatMul(e, w) }"""
    save_text(text, folder / "words.onnx")
    np.savez(folder / "ids.npz", ids=np.arange(8))
    refuses(
        "convert words.onnx --dtype int8 --data ids.npz -q -o y.onnx --float-layers Gather",
        code=2,
        message="'Gather' matches no name or type of a quantized operator",
        hint="--embeddings float keeps tables in float",
    )


def test_several_numbers_of_layers_are_refused(refuses: Refuses) -> None:
    refuses(
        f"{INT8} --float-layers 1 --float-layers Gemm --float-layers 2",
        code=2,
        message="--float-layers takes one number of layers, not 1 and 2",
        hint="you can also give expressions for names or types",
    )


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("(", NO_EXPRESSION),
        ("conv", "'conv' matches no name or type of a quantized operator"),
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
        message=NO_EXPRESSION,
    )
