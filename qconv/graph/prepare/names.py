"""A name for every node and value, the same one each time."""

from __future__ import annotations

import onnx_ir as ir
from onnx_ir.passes import common
from onnx_ir.passes.common.naming import SimpleNameGenerator


class _NodesAfterOutputs(SimpleNameGenerator):
    """A nameless node is called after its operator and its first output."""

    def generate_node_name(self, node: ir.Node) -> str:
        return node.name or f"{node.op_type}:{node.outputs[0].name if node.outputs else ''}"


def fix_names(model: ir.Model) -> None:
    """Make all names present and unique; existing unique names stay as they are."""
    common.NameFixPass(name_generator=_NodesAfterOutputs())(model)
