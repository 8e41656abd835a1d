"""A model, and variants of it."""

from pathlib import Path

import pytest

from tests.evaluation.report_helpers import save


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return save(tmp_path, "model.onnx", "y = Identity(x)")


@pytest.fixture
def halved(tmp_path: Path) -> Path:
    """A variant whose scores are halved: 6 dB off, every answer right."""
    return save(tmp_path, "half.onnx", "h = Constant<value_float=0.5>() y = Mul(x, h)")


@pytest.fixture
def shifted(tmp_path: Path) -> Path:
    """A variant that adds 5 to the first class, and so answers it always."""
    shift = "s = Constant<value_floats=[5., 0., 0., 0., 0., 0.]>()"
    return save(tmp_path, "shift.onnx", f"{shift} y = Add(x, s)")
