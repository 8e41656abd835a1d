"""An operator that could run in integers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import onnx_ir as ir

from qconv.placement.targets.table import Kind, Output


@dataclass(frozen=True)
class Candidate:
    """A node that could run in integers, and the Relu or Clip that disappears into it.

    ``output`` is when its result is quantized.
    """

    node: ir.Node
    kind: Kind
    data: tuple[int, ...]
    needs_reader: bool
    clamp: ir.Node | None
    output: Output

    @property
    def results(self) -> tuple[ir.Value, ...]:
        """The values that it gives in integers."""
        if self.clamp is not None:
            return (self.clamp.outputs[0],)
        return tuple(out for out in self.node.outputs if out.uses() or out.is_graph_output())

    @property
    def layered(self) -> bool:
        """Whether it is a layer with weights."""
        return self.kind in (Kind.CONVOLUTION, Kind.PRODUCT)

    def too_fine(self, lost: Mapping[str, float]) -> str | None:
        """Say so if it reads or gives a value that loses so much."""
        read = [self.node.inputs[index] for index in self.data]
        for verb, values in (("reads", read), ("gives", self.results)):
            for value in values:
                if value is not None and str(value.name) in lost:
                    share = 100 * lost[str(value.name)]
                    return f"{share:.0f} % of the numbers that it {verb} would round to zero"
        return None
