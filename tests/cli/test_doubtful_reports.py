"""A report says what makes it doubtful."""

from __future__ import annotations

from tests.cli.cli_helpers import Qconv


def words(text: str) -> str:
    """Return a text without the lines that a terminal breaks it into."""
    return " ".join(text.split())


def test_swapped_models_and_few_samples_are_told(qconv: Qconv) -> None:
    assert qconv("convert model.onnx --data data.npz --effort fast -q -o i.onnx").code == 0
    line = "--data data.npz --no-latency -q"
    said = words(qconv(f"report model.onnx i.onnx {line}").out)
    assert "another float model" not in said
    assert "With fewer than 32 samples, other" in said
    said = words(qconv(f"report i.onnx model.onnx {line}").out)
    assert "i.onnx counts as right, and was made of model.onnx: are the two swapped?" in said
