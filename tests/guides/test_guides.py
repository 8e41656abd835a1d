"""A user follows the pages, from a file that is bad to one that is not."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import pytest

import qconv
from qconv.cli.main import run
from qconv.reporting.report_data import VariantReport
from tests.guides import planted
from tests.guides.guide import Command, arguments, branches, typed_in, walk

LOST, SLOWER = "lost-accuracy.md", "slower.md"
Make = Callable[[Path], None]


@pytest.fixture
def command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Command:
    """Runs a command line of a page in an empty folder."""
    monkeypatch.chdir(tmp_path)

    def invoke(line: str) -> str:
        capsys.readouterr()
        code, said = run(arguments(line)), capsys.readouterr()
        assert code == 0, f"{line}\n{said.err}"
        return said.out

    return invoke


def measured(output_kind: Sequence[str] = ()) -> tuple[VariantReport, VariantReport]:
    """Return the bad file and the mended one, beside the float model."""
    made = ["model.int8.onnx", "mended.onnx"]
    report = qconv.report(
        "model.onnx", made, data="test.npz", latency=False, output_kind=output_kind
    )
    bad, mended = report.variants
    return bad, mended


def follow(page: str, command: Command) -> list[str]:
    """Walk the tree, type what stands at its end, and return the way."""
    path = walk(page, command)
    for line in typed_in(page, path[-1]):
        command(line)
    return path


LOSSES: dict[str, tuple[Make, str, list[str], float, float]] = {
    "a range that is too small": (
        partial(planted.rare_large_scores, calibrated=True),
        "--data cal.npz --method percentile --percentile 99",
        ["1", "2", "The range is too small"],
        *(15, 35),
    ),
    "data without large numbers": (
        partial(planted.rare_large_scores, calibrated=False),
        "--data cal.npz",
        ["1", "2", "The data lack large numbers"],
        *(10, 35),
    ),
    "a sensitive head": (
        planted.small_differences,
        "--data cal.npz",
        ["1", "3", "One layer loses most"],
        *(18, 35),
    ),
    "errors everywhere": (
        planted.even,
        "--data cal.npz",
        ["1", "3", "All layers lose"],
        *(44, 45),
    ),
    "sums beyond float16": (
        planted.large_sums,
        "--dtype fp16 -o model.int8.onnx",
        ["1", "FP16 overflows"],
        *(0, 50),
    ),
}
"""What is planted, how it is converted, the way through the page, dB at most and then at least."""


@pytest.mark.parametrize("case", LOSSES)
def test_what_lost_accuracy_is_mended(case: str, tmp_path: Path, command: Command) -> None:
    make, options, way, at_most, at_least = LOSSES[case]
    make(tmp_path)
    command(f"qconv convert model.onnx {options} -q")
    assert follow(LOST, command) == way
    bad, mended = (variant.outputs[0].sqnr_db for variant in measured())
    assert bad < at_most
    assert mended > at_least


def test_smaller_blocks_and_data_mend_a_decoder(tmp_path: Path, command: Command) -> None:
    planted.decoder(tmp_path)
    command("qconv convert model.onnx --dtype int4 --block-size 128 -o model.int8.onnx -q")
    assert follow(LOST, command) == ["1", "Coarse blocks"]
    bad, mended = (variant.outputs[0] for variant in measured(output_kind=["logits=classes"]))
    assert bad.kl is not None
    assert mended.kl is not None
    assert bad.kl > 0.6
    assert mended.kl < bad.kl / 4
    assert mended.sqnr_db > bad.sqnr_db + 6


SLOW: dict[str, tuple[Make, str | None, list[str]]] = {
    "Q and DQ that are not fused": (planted.unfused, None, ["1", "Not in integers"]),
    "activations of 16 bits": (
        planted.pictures,
        "--data cal.npz --activations int16",
        ["1", "Not in integers"],
    ),
    "weights alone": (
        planted.pictures,
        "--mode weight-only",
        ["1", "Small, but computed in float"],
    ),
}
"""What is planted, how it is converted, and the way through the page."""


@pytest.mark.parametrize("case", SLOW)
def test_what_computes_in_float_is_mended(case: str, tmp_path: Path, command: Command) -> None:
    make, options, way = SLOW[case]
    make(tmp_path)
    if options is not None:
        command(f"qconv convert model.onnx {options} -q")
    assert follow(SLOWER, command) == way
    bad, mended = (variant.fusion for variant in measured())
    assert bad is not None
    assert mended is not None
    assert bad.integer == 0
    assert (mended.integer, mended.quantized) == (3, 3)


def test_weights_of_few_bits_give_way_to_integers(tmp_path: Path, command: Command) -> None:
    planted.decoder(tmp_path)
    command("qconv convert model.onnx --dtype int4 -o model.int8.onnx -q")
    assert follow(SLOWER, command) == ["1", "Few bits"]
    bad, mended = (variant.fusion for variant in measured())
    assert bad is not None
    assert mended is not None
    assert bad.by_op["MatMulNBits"] == (7, 7)
    assert mended.by_op["MatMulInteger"] == (7, 7)


@pytest.mark.parametrize("page", [LOST, SLOWER])
def test_each_branch_ends_at_a_step_or_at_a_command(page: str) -> None:
    rows = list(branches(page))
    steps = {row.step for row in rows}
    ends = {row.leads for row in rows if row.leads not in steps}
    assert len(ends) > 3
    assert all(typed_in(page, end) for end in ends)
