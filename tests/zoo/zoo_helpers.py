"""What each model of the zoo states, and how it is checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.model_helpers import Converted, Feeds, convert_model, list_weights_as_inputs, parse

IMAGE = "float[N, 4, H, W] x"
MAP = "float[M, 8, K, L] y"
SIZES = {"N": (1,), "H": (9,), "W": (11,)}
CONV = "float[8, 4, 3, 3] w, float[8] b"
CONV_2 = "float[8, 8, 3, 3] w2, float[8] b2"
POINT = "float[8, 8, 1, 1] w1, float[8] b1"
SAME = "<pads = [1, 1, 1, 1]>"

NO_KERNEL = "ONNX Runtime's CPU provider has no integer kernel for"
UNREAD = "nothing after it runs in integers, so it would only cost time"


@dataclass(frozen=True)
class Case:
    """One model.

    Attributes:
        body: its nodes; ``x`` goes in, ``y`` comes out.
        weights: more weights than those of ``CONV``, ``CONV_2`` and ``POINT``.
        kept: the operators that stay in float, and why; all others run in integers.
        misses: the operators that the runtime computes in float between integers.
        least: the lowest ratio of signal to noise, in dB, of any output.
    """

    body: str
    weights: str = ""
    inputs: str = IMAGE
    outputs: str = MAP
    opset: int = 17
    ir: int = 8
    axes: Mapping[str, Sequence[int]] = field(default_factory=lambda: SIZES)
    kept: Mapping[str, str] = field(default_factory=dict)
    misses: Sequence[tuple[str, str]] = ()
    least: float = 28.0

    @property
    def text(self) -> str:
        weights = ", ".join(filter(None, [CONV, CONV_2, POINT, self.weights]))
        return f"({self.inputs}) => ({self.outputs}) <{weights}> {{ {self.body} }}"


def check(case: Case, folder: Path, feeds: Sequence[Feeds] | None = None) -> Converted:
    """Convert the model and hold it to what the case states."""
    model = parse(case.text, opset=case.opset, ir=case.ir)
    if case.ir < 4:
        list_weights_as_inputs(model)
    return check_converted(convert_model(model, folder, feeds=feeds, axes=case.axes), case)


def check_converted(converted: Converted, case: Case) -> Converted:
    assert converted.kept == case.kept
    assert converted.misses == list(case.misses)
    assert converted.audit.integer == converted.audit.quantized - len(case.misses) > 0
    for name, decibels in converted.sqnr.items():
        assert decibels >= case.least, f"{name}: {decibels:.1f} dB"
    return converted
