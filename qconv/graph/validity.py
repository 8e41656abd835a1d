"""Whether a model that was made of another is as valid as that one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import onnx

from qconv.errors import ModelError
from qconv.graph.model_io import read_model
from qconv.graph.onnx_checker import check_model, run_checker
from qconv.graph.parsing import parse


def require_as_valid(path: Path, reference: Path) -> None:
    """Refuse a model that does not pass as much of the ONNX checker as the float model.

    The float model may fail the checker and run all the same: it may declare wrong shapes, which
    may show only once its constants are computed, or have operators that ONNX does not know. Where
    it does, all its nodes are checked but for those operators, without shape inference.

    Args:
        path: the model that was made.
        reference: the float model.

    Raises:
        ModelError: the checker finds a fault that the float model does not have.
    """
    for check in (check_model, _check_nodes):
        try:
            check(path)
        except ModelError:
            if _passes(check, reference) and not _declares_wrong_outputs(path, reference):
                raise
        else:
            return


def nodes_are_valid(path: Path) -> bool:
    """Whether a model passes the ONNX checker where no shapes are inferred."""
    return _passes(_check_nodes, path)


def _check_nodes(path: Path) -> None:
    try:
        run_checker(read_model(path))
    except ModelError as error:
        raise ModelError(f"{path}: the ONNX checker rejects it: {error}") from error


def _declares_wrong_outputs(path: Path, reference: Path) -> bool:
    """Whether only the declared shape of an output is wrong, and the float model has it, too.

    What the float model leaves free may be known by now.
    """
    proto = parse(path)
    pairs = zip(proto.graph.output, parse(reference).graph.output, strict=True)
    if not all(_keeps(*map(_lengths, pair)) for pair in pairs):
        return False
    for output in proto.graph.output:
        if output.type.HasField("tensor_type"):
            output.type.tensor_type.ClearField("shape")
    try:
        onnx.checker.check_model(str(path))
        onnx.shape_inference.infer_shapes(proto, check_type=True, strict_mode=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError):
        return False
    return True


def _keeps(made: list[int], declared: list[int]) -> bool:
    return len(made) == len(declared) and all(
        length in (0, found) for found, length in zip(made, declared, strict=True)
    )


def _lengths(output: onnx.ValueInfoProto) -> list[int]:
    """Return the declared lengths, 0 for a free axis."""
    return [max(0, axis.dim_value) for axis in output.type.tensor_type.shape.dim]


def _passes(check: Callable[[Path], None], path: Path) -> bool:
    try:
        check(path)
    except ModelError:
        return False
    return True
