"""What a model and its Plan must hold for a conversion to go on."""

from __future__ import annotations

import onnx_ir as ir

from qconv.errors import NothingQuantized, UnsupportedError
from qconv.graph.operators.table import STANDARD_DOMAINS
from qconv.graph.view import all_nodes, name_of
from qconv.numerics.number_types import INT8
from qconv.numerics.schemes import PerAxis, Scheme
from qconv.placement.dynamic_layers import place_stored
from qconv.placement.plan import Plan
from qconv.placement.stored_tables import place_tables
from qconv.placement.targets.table import Target

INT8_TABLES = Scheme(INT8, symmetric=True, granularity=PerAxis(0))
"""How embeddings are stored beside operators that run in integers, unless asked otherwise."""

_OTHER_FLOATS = ("double", "float16", "bfloat16")
_INSPECT = "qconv inspect lists the reason for each operator"


def require_readable(model: ir.Model, target: Target, label: str) -> None:
    """Refuse a model, at the opset that it is written in, that the target's runtime cannot load.

    Raises:
        UnsupportedError: it holds an operator, a domain, an opset or an input that the target's
            table rules out.
    """
    opset = model.graph.opset_imports.get("", 1)
    if target.newest_opset is not None and opset > target.newest_opset:
        raise UnsupportedError(
            f"{label}: it would be written in opset {opset}, but {target.runtime} reads only up to "
            f"{target.newest_opset}"
        )
    for node in all_nodes(model):
        standard = node.domain in STANDARD_DOMAINS
        known = "" if standard else node.domain
        if target.domains is not None and known not in target.domains:
            raise UnsupportedError(
                f"{label}: {target.runtime} does not know the operators of {node.domain}, such as "
                f"{node.op_type} '{node.name}'"
            )
        if standard and node.op_type in target.refused:
            raise UnsupportedError(
                f"{label}: {target.runtime} runs no {node.op_type}, such as '{node.name}': "
                f"{target.refused[node.op_type]}"
            )
    for value in model.graph.inputs if target.fixed_shapes else ():
        shape = value.shape
        if shape is None or any(not isinstance(size, int) for size in shape):
            raise UnsupportedError(
                f"{label}: {target.runtime} needs fixed shapes, but the input '{name_of(value)}' "
                "has an axis without a size",
                hint="export the model again with the sizes that it will run with",
            )


def require_integers(model: ir.Model, plan: Plan, label: str) -> None:
    """Refuse a Plan after which nothing would run in integers.

    Raises:
        NothingQuantized: no operator can run in integers, and no layer would store its weights
            in INT8 beside those that do.
    """
    if place_stored(model, plan, everywhere=False).weights:
        return
    if not plan.quantized and place_tables(model, plan.target, INT8_TABLES).weights:
        raise NothingQuantized(
            f"{label}: only its embeddings can be stored in 8 bits; no operator can run in "
            "integers",
            hint="`mode=weight-only` does that, and needs no data",
        )
    require_quantized(plan, label)


def require_quantized(plan: Plan, label: str) -> None:
    """Refuse a Plan in which every operator stays float.

    Raises:
        NothingQuantized: with the most frequent reasons.
    """
    if plan.quantized:
        return
    nothing = f"{label}: nothing can be quantized for {plan.target.name}"
    if not plan.nodes:
        raise NothingQuantized(f"{nothing}; it has no operators that work on floats", hint=_INSPECT)
    reasons: dict[str, int] = {}
    for node in plan.kept_float:
        sentence = f"{node.op_type}: {node.reason}"
        reasons[sentence] = reasons.get(sentence, 0) + 1
    top = sorted(reasons.items(), key=lambda item: -item[1])[:3]
    hint = _INSPECT
    if any(f"it works on {other}," in sentence for sentence, _ in top for other in _OTHER_FLOATS):
        hint = "`dtype=fp32` writes the model in float32, which can be quantized"
    raise NothingQuantized(
        f"{nothing}; " + "; ".join(f"{count} x {sentence}" for sentence, count in top), hint=hint
    )
