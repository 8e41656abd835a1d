"""The ONNX checker, on written files and on models in memory."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import onnx
import onnx_ir as ir
from onnx_ir.passes.common import CheckerPass

from qconv.errors import ModelError, foreign
from qconv.graph.operators.table import operator_of

_SMALL = 4096
_ASIDE = "qconv.aside"


def check_model(path: Path) -> None:
    """Run the ONNX checker, shape inference included, on a written model.

    Raises:
        ModelError: the checker found a fault.
    """
    with (
        foreign(lambda error: ModelError(f"{path}: the ONNX checker rejects it: {error}")),
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("ignore")
        onnx.checker.check_model(str(path), full_check=True)


def run_checker(model: ir.Model) -> None:
    """Check a model, without shape inference.

    Two things that the runtime takes are no fault: inputs and outputs of unknown rank, and the
    runtime's own operators.

    Raises:
        ModelError: the checker found a fault; the message is its first sentence.
    """
    _embed_small(model)
    ports = (*model.graph.inputs, *model.graph.outputs)
    unknown = [port for port in ports if port.shape is None]
    for port in unknown:
        port.shape = ir.Shape(())
    try:
        with foreign(lambda error: ModelError(_first_sentence(error))), runtime_ops_aside(model):
            CheckerPass()(model)
    finally:
        for port in unknown:
            port.shape = None


def _first_sentence(error: Exception) -> str:
    """Return what the checker says first; the pass wraps its exceptions."""
    return " ".join(str(error.__cause__ or error).split("\n\n")[0].split())


@contextmanager
def runtime_ops_aside(model: ir.Model) -> Iterator[None]:
    """Keep operators that ONNX does not know in a domain of their own, which it passes over.

    A copy that is made in the meantime has them there, too; :func:`put_back` brings them home.
    """
    for scope in _scopes(model):
        unknown = [node for node in _nodes(scope) if _is_unknown(node, scope.opset_imports)]
        for node in unknown:
            node.domain = _ASIDE
        if unknown:
            scope.opset_imports[_ASIDE] = 1
    try:
        yield
    finally:
        put_back(model)


def put_back(model: ir.Model) -> None:
    """Bring operators that were set aside back to the domain ai.onnx."""
    for scope in _scopes(model):
        if scope.opset_imports.pop(_ASIDE, None) is not None:
            for node in _nodes(scope):
                if node.domain == _ASIDE:
                    node.domain = ""


def _scopes(model: ir.Model) -> list[ir.Graph | ir.Function]:
    return [model.graph, *model.functions.values()]


def _nodes(scope: ir.Graph | ir.Function) -> Iterator[ir.Node]:
    return iter(ir.traversal.RecursiveGraphIterator(scope))


def _is_unknown(node: ir.Node, opsets: dict[str, int]) -> bool:
    if not operator_of(node).earlier:
        return False
    try:
        onnx.defs.get_schema(node.op_type, opsets.get("", 1), "")
    except onnx.defs.SchemaError:
        return True
    return False


def _embed_small(model: ir.Model) -> None:
    """Read small external tensors into memory; the checker would not find their file."""
    for value in model.graph.initializers.values():
        tensor = value.const_value
        if isinstance(tensor, ir.ExternalTensor) and tensor.nbytes <= _SMALL:
            value.const_value = ir.external_data.convert_tensors_from_external([tensor])[0]
            tensor.release()
