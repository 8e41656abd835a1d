"""Types and shapes of inner values."""

from __future__ import annotations

import logging

import onnx_ir as ir
from onnx_ir.passes import common


def infer_shapes(model: ir.Model) -> None:
    """Infer what can be inferred; values of unknown shape are placed with care later on."""
    logger = logging.getLogger("onnx_ir")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        common.ShapeInferencePass(check_type=False, strict_mode=False, data_prop=True)(model)
    finally:
        logger.setLevel(level)
