"""Options that commands need, that go together, and those that do not."""

from pathlib import Path

import pytest

from tests.cli.cli_helpers import (
    Qconv,
    Refuses,
)

ALONE = "weight-only types: --dtype int4, or --dtype int8 --mode weight-only"
INT8 = "convert model.onnx --dtype int8 --calibration histogram.qcal -o y.onnx"


@pytest.mark.parametrize("algorithm", ["gptq", "adaround"])
def test_second_moments_are_needed(refuses: Refuses, algorithm: str) -> None:
    refuses(
        f"{INT8} --algorithm {algorithm}",
        code=2,
        message=f"{algorithm} needs second moments of the layers' inputs",
        hint="calibrate with --statistics full, or give --data",
    )


def test_adaround_of_types_that_are_no_integers(refuses: Refuses) -> None:
    refuses(
        "convert model.onnx --dtype ternary --data data.npz --algorithm adaround -o y.onnx",
        code=2,
        message="--algorithm adaround rounds up or down to integers of 2 to 8 bits, not to ternary",
    )


def test_an_unknown_way_to_equalize_is_refused(qconv: Qconv) -> None:
    said = qconv("convert model.onnx --dtype int8 --data data.npz -o y.onnx --equalize all")
    assert said.code == 2
    assert said.error == "qconv: error: --equalize is 'all'; it must be auto, on or off"


@pytest.mark.parametrize("option", ["--external-data-size", "--percentile"])
@pytest.mark.parametrize("number", ["nan", "inf"])
def test_numbers_that_are_not_finite_are_refused(qconv: Qconv, option: str, number: str) -> None:
    said = qconv(f"{INT8} {option} {number}")
    assert said.code == 2
    assert said.error.startswith(f"qconv: error: {option} is {number}; it must be a number ")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("--dtype int8", "--calibration or --data is needed"),
        (
            "--dtype int8 --data data.npz --calibration histogram.qcal",
            "give --data or --calibration, not both",
        ),
        (
            "--dtype fp16 --data data.npz --calibration histogram.qcal",
            "give --data or --calibration, not both",
        ),
        ("--dtype fp16 --io bf16", "--io bf16 needs --dtype bf16"),
        ("--dtype bf16 --io fp16", "--io fp16 needs --dtype fp16"),
        ("--dtype fp16 --storage-only", "--storage-only needs --dtype bf16"),
        ("--dtype fp16 --method mse", "--method needs --dtype int8 --mode static"),
        (
            "--dtype fp16 --algorithm rtn",
            f"--algorithm needs --dtype int8 --mode static, or {ALONE}",
        ),
        (
            "--dtype bf16 --no-portable",
            "--no-portable needs --dtype int8 --mode static, or --dtype int8 --mode dynamic",
        ),
        ("--dtype fp16 --reduce-range", "--reduce-range needs --dtype int8 --mode static"),
        ("--dtype fp16 --equalize on", "--equalize needs --dtype int8 --mode static"),
        (
            "--dtype int8 --mode dynamic --equalize off",
            "--equalize needs --dtype int8 --mode static",
        ),
        (
            "--dtype fp16 --bias-correction",
            f"--bias-correction needs --dtype int8 --mode static, or {ALONE}",
        ),
        (
            "--dtype int8 --data data.npz --percentile 99",
            "--percentile needs --method percentile",
        ),
        (
            "--dtype fp16 --float-layers 5",
            "--float-layers is 5, which needs --dtype int8 --mode static",
        ),
        (
            "--dtype int8 --data data.npz --storage-only",
            "--storage-only needs --dtype fp16 or --dtype bf16",
        ),
        (
            "--dtype int8 --calibration histogram.qcal --samples 3",
            "--samples needs --data",
        ),
        (
            "--dtype int8 --calibration histogram.qcal --batch-size 3",
            "--batch-size needs --data",
        ),
        ("--dtype fp16 --image-preset imagenet-tf", "--image-preset needs --data"),
        (
            "--dtype fp32 --data data.npz",
            "--data has no effect with --dtype fp32, which uses no data",
        ),
        (
            "--dtype fp32 --calibration histogram.qcal",
            "--calibration has no effect with --dtype fp32, which uses no data",
        ),
        (
            "--dtype fp16 --external-data never --external-data-size 3",
            "--external-data-size needs --external-data auto",
        ),
        (
            "--dtype fp16 --float-layers (",
            "--float-layers: '(' is not a regular expression: "
            "missing ), unterminated subpattern at position 0",
        ),
        (
            "--dtype fp16 --keep-float Attention",
            "--float-layers matches no node name and no operator: 'Attention'",
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


@pytest.mark.parametrize(
    ("line", "message", "hint"),
    [
        ("calibrate model.onnx -o r.qcal", "--data is needed: the samples to read", ""),
        (
            "calibrate model.onnx --data d -o r --samples 0",
            "--samples is 0; it must be a whole number of at least 1",
            "",
        ),
        (
            "convert model.onnx --dtype int9 -o x",
            "--dtype is 'int9'; it must be int8, uint8, int4, uint4, int3, int2, uint2, ternary, "
            "binary, fp8e4m3, fp8e5m2, fp16, bf16 or fp32",
            "did you mean int8?",
        ),
        (
            "convert model.onnx --dtype Flaot16 -o x",
            "--dtype is 'Flaot16'; it must be int8, uint8, int4, uint4, int3, int2, uint2, "
            "ternary, binary, fp8e4m3, fp8e5m2, fp16, bf16 or fp32",
            "did you mean float16?",
        ),
    ],
)
def test_wrong_settings_are_exit_code_two(
    refuses: Refuses, line: str, message: str, hint: str
) -> None:
    refuses(line, code=2, message=message, hint=hint)
