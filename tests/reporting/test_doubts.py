"""Reports say what makes them doubtful."""

from __future__ import annotations

from dataclasses import replace

import pytest

from qconv.reporting.doubts import doubts
from qconv.reporting.report_data import Report
from tests.report_cases import FULL, INT8

MADE = {"qconv.dtype": "int8", "qconv.float_model": "a" * 64}


def reported(reference: dict[str, str], variant: dict[str, str], *, samples: int = 100) -> Report:
    return replace(
        FULL,
        reference=replace(FULL.reference, origin=reference, sha256="a" * 64, name="model.onnx"),
        variants=(replace(INT8, origin=variant, sha256="b" * 64, name="model.int8.onnx"),),
        data=replace(FULL.data, samples=samples),
    )


@pytest.mark.parametrize(
    ("reference", "variant", "told"),
    [
        ({}, MADE, []),
        ({}, {}, []),
        ({"qconv.dtype": "fp32", "qconv.float_model": "c" * 64}, MADE, []),
        (
            {**MADE, "qconv.float_model": "b" * 64},
            {},
            [
                "model.onnx is taken as the float model, but was made from model.int8.onnx: are "
                "the two swapped?",
                "model.onnx is taken as the float model, but qconv wrote it as a variant of "
                "another model.",
            ],
        ),
        (
            {},
            {**MADE, "qconv.float_model": "c" * 64},
            ["model.int8.onnx was made from another float model than model.onnx."],
        ),
    ],
)
def test_models_that_do_not_belong_together(
    reference: dict[str, str], variant: dict[str, str], told: list[str]
) -> None:
    assert list(doubts(reported(reference, variant))) == told


def test_few_samples() -> None:
    told = "With fewer than 32 samples, other samples may give quite different numbers."
    assert list(doubts(reported({}, MADE, samples=31))) == [told]
    assert list(doubts(reported({}, MADE, samples=32))) == []
