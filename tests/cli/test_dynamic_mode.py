"""``qconv convert --mode dynamic``."""

from __future__ import annotations

from pathlib import Path

import onnx
import pytest

from tests.cli.cli_helpers import Qconv, Refuses

ALONE = "weight-only types: --dtype int4, or --dtype int8 --mode weight-only"


def test_it_needs_no_data(qconv: Qconv, folder: Path) -> None:
    said = qconv("convert log.onnx --dtype int8 --mode dynamic -o d.onnx")
    assert (said.code, said.err) == (0, "")
    assert "; inputs quantized at run time" in said.out
    assert "1 of 1 operators in integers" in said.out
    metadata = {entry.key: entry.value for entry in onnx.load(folder / "d.onnx").metadata_props}
    assert '"mode": "dynamic"' in metadata["qconv.settings"]
    assert metadata["qconv.dtype"] == "int8"
    assert "qconv.record" not in metadata


@pytest.mark.parametrize("option", ["--data ones.npz", "--calibration histogram.qcal"])
def test_it_learns_nothing(refuses: Refuses, option: str) -> None:
    refuses(
        f"convert log.onnx --dtype int8 --mode dynamic -o d.onnx {option}",
        code=2,
        message=f"{option.split()[0]} has no effect with --dtype int8 --mode dynamic, which uses "
        "no data",
    )


@pytest.mark.parametrize(
    ("option", "goes_with"),
    [
        ("--method minmax", "--dtype int8 --mode static"),
        ("--no-bias-correction", f"--dtype int8 --mode static, or {ALONE}"),
        ("--reduce-range", "--dtype int8 --mode static"),
        (
            "--algorithm gptq",
            f"--dtype int8 --mode static, or {ALONE}",
        ),
        (
            "--block-size 32",
            ALONE,
        ),
        (
            "--granularity tensor",
            f"--dtype int8 --mode static, or {ALONE}",
        ),
    ],
)
def test_what_it_does_not_read_is_refused(refuses: Refuses, option: str, goes_with: str) -> None:
    refuses(
        f"convert log.onnx --dtype int8 --mode dynamic -o d.onnx {option}",
        code=2,
        message=f"{option.split()[0]} needs {goes_with}",
    )
