"""Bring any float model into the one form that placement and rewriting know.

The steps are deterministic, so that calibrate and convert meet the same value names.
"""

from __future__ import annotations

import onnx_ir as ir
from onnx_ir.passes import common

from qconv.graph.prepare.affine_chains import fold_chains
from qconv.graph.prepare.branches import settle
from qconv.graph.prepare.equivalents import use_equivalents
from qconv.graph.prepare.functions import inline_functions
from qconv.graph.prepare.gemm import normalize_gemm, use_gemm
from qconv.graph.prepare.hard_activations import split_activations
from qconv.graph.prepare.names import fix_names, use_short_domain
from qconv.graph.prepare.noops import remove_noops
from qconv.graph.prepare.opset import lower_opset, raise_opset
from qconv.graph.prepare.pads import fold_pads
from qconv.graph.prepare.scaling import fold_scaling
from qconv.graph.prepare.unused import remove_unused
from qconv.graph.shapes import infer_shapes

MIN_OPSET = 13
"""QuantizeLinear and DequantizeLinear take per-axis scales from this opset on."""


def prepare(model: ir.Model) -> ir.Model:
    """Return the model with functions inlined, constants folded and foldable ops merged.

    If nodes whose condition is known give way to the branch that is taken.

    Raises:
        UnsupportedError: the opset cannot be raised to :data:`MIN_OPSET`.
    """
    model = _without_functions(model)
    model.graph.opset_imports.setdefault("", MIN_OPSET)  # none where no operator is ONNX's own
    lower_opset(model)
    model = normalize(raise_opset(model, MIN_OPSET))
    settle(model)
    remove_noops(model)
    use_equivalents(model)
    fold_pads(model)
    normalize_gemm(model)
    use_gemm(model)
    fold_scaling(model)
    split_activations(model)
    fold_scaling(model)
    fold_chains(model)
    remove_unused(model)
    fix_names(model)
    infer_shapes(model)
    return model


def normalize(model: ir.Model) -> ir.Model:
    """Return the model without functions and Constant nodes, all named, with types inferred."""
    model = _without_functions(model)
    _drop_nameless(model)
    common.LiftConstantsToInitializersPass(lift_all_constants=True, size_limit=0)(model)
    fix_names(model)
    infer_shapes(model)
    return model


def _without_functions(model: ir.Model) -> ir.Model:
    """Inline functions, and take initializers out of the inputs, where old files list them."""
    use_short_domain(model)
    model = inline_functions(model)
    common.RemoveInitializersFromInputsPass()(model)
    return model


def _drop_nameless(model: ir.Model) -> None:
    """Remove nodes none of whose results has a name, so that nothing can read them."""
    for node in list(model.graph.all_nodes()):
        if not any(output.name for output in node.outputs) and node.graph is not None:
            node.graph.remove(node, safe=True)
