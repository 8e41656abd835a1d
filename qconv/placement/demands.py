"""What a Plan must hold for a conversion to go on."""

from __future__ import annotations

from qconv.errors import NothingQuantized
from qconv.placement.plan import Plan

_OTHER_FLOATS = ("double", "float16", "bfloat16")


def require_quantized(plan: Plan, label: str) -> None:
    """Refuse a Plan in which every operator stays float.

    Raises:
        NothingQuantized: with the most frequent reasons.
    """
    if plan.quantized:
        return
    nothing = f"{label}: nothing can be quantized for {plan.target}"
    if not plan.nodes:
        raise NothingQuantized(f"{nothing}: it has no operators")
    reasons: dict[str, int] = {}
    for node in plan.kept_float:
        sentence = f"{node.op_type}: {node.reason}"
        reasons[sentence] = reasons.get(sentence, 0) + 1
    top = sorted(reasons.items(), key=lambda item: -item[1])[:3]
    hint = "qconv inspect lists the reason for each operator"
    if any(f"it works on {other}," in sentence for sentence, _ in top for other in _OTHER_FLOATS):
        hint = "`dtype=fp32` writes the model in float32, which can be quantized"
    raise NothingQuantized(
        f"{nothing}; " + "; ".join(f"{count} x {sentence}" for sentence, count in top), hint=hint
    )
