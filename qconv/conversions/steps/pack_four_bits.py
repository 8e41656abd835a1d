"""Four-bit weights of static INT8, packed in the file where the model's opset can be raised."""

from __future__ import annotations

import onnx_ir as ir

from qconv.conversions.work import Knowing, Topic, Work
from qconv.errors import UnsupportedError
from qconv.graph.edit import Editor
from qconv.graph.prepare import normalize
from qconv.graph.prepare.opset import raise_opset
from qconv.numerics.number_types import INT4
from qconv.placement.plan import Plan
from qconv.rewrite.int4_initializers import four_bit_weights, pack_weight


class PackFourBits(Knowing):
    """Store weights of four bits two to a byte, where the opset can be raised to that of INT4."""

    def apply(self, work: Work[Plan]) -> None:
        """Put another model in the place of the one there is."""
        target = work.plan.target
        if target.inline_constants or (target.newest_opset or INT4.opset) < INT4.opset:
            why = f"{target.runtime} cannot read 4-bit weights here"
            work.say(Topic.STORAGE, f"4-bit weights stored as int8, twice as large: {why}")
            return
        work.model, remarks = pack_weights(work.model)
        work.say(Topic.STORAGE, *remarks)


def pack_weights(model: ir.Model) -> tuple[ir.Model, tuple[str, ...]]:
    """Return a quantized model with its four-bit weights two to a byte, and remarks.

    Where the opset cannot be raised to that of INT4, they stay int8 tensors.
    """
    if not any(True for _ in four_bit_weights(model)):
        return model, ()
    try:
        model = normalize(raise_opset(model, INT4.opset))
    except UnsupportedError as error:
        return model, (f"4-bit weights stored as int8, twice as large: {error}",)
    editor = Editor(model.graph)
    packed = list(four_bit_weights(model))
    for graph, value in packed:
        pack_weight(graph, value, editor)
    plural = "s" * (len(packed) > 1)
    return model, (f"{len(packed)} weight{plural} stored in 4 bits, read as int8",)
