"""The ONNX checker, on written files and on models in memory."""

from __future__ import annotations

import warnings
from pathlib import Path

import onnx
import onnx_ir as ir
from onnx_ir.passes.common import CheckerPass

from qconv.errors import ModelError


def check_model(path: Path) -> None:
    """Run the ONNX checker, shape inference included, on a written model.

    Raises:
        ModelError: the checker found a fault.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            onnx.checker.check_model(str(path), full_check=True)
    except Exception as error:  # the checker and shape inference raise different types
        raise ModelError(f"{path}: the ONNX checker rejects it: {error}") from error


def run_checker(model: ir.Model) -> None:
    """Check a model; inputs and outputs of unknown rank, which the runtime takes, are no fault."""
    ports = (*model.graph.inputs, *model.graph.outputs)
    unknown = [port for port in ports if port.shape is None]
    for port in unknown:
        port.shape = ir.Shape(())
    try:
        CheckerPass()(model)
    finally:
        for port in unknown:
            port.shape = None
