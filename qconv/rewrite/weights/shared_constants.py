"""Constants that many stored weights need, written once for each graph."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from qconv.graph.edit import Editor


class Constants:
    """Adds constants to one graph; equal ones are shared.

    Args:
        editor: names what is added; all graphs of a model share the names of the main graph.
        graph: the graph that holds the constants.
    """

    def __init__(self, editor: Editor, graph: ir.Graph) -> None:
        self.editor = editor
        self._graph = graph
        self._known: dict[tuple[str, tuple[int, ...], bytes], ir.Value] = {}

    def shared(self, name: str, array: NDArray[np.generic]) -> ir.Value:
        """Return a small constant, adding it if no equal one is there."""
        key = (array.dtype.name, array.shape, array.tobytes())
        if key not in self._known:
            self._known[key] = self.own(name, array)
        return self._known[key]

    def sizes(self, *sizes: int) -> ir.Value:
        """Return a shape or a list of indices, ``[n]`` int64."""
        name = "sizes/" + "x".join(map(str, sizes))
        return self.shared(name, np.array(sizes, np.int64))

    def own(self, name: str, array: NDArray[np.generic]) -> ir.Value:
        """Add a constant of its own."""
        return self.tensor(name, ir.tensor(np.ascontiguousarray(array).reshape(array.shape)))

    def tensor(self, name: str, tensor: ir.TensorProtocol) -> ir.Value:
        """Add a tensor of any type."""
        name = self.editor.unique(name)
        tensor.name = name
        value = ir.Value(
            name=name,
            const_value=tensor,
            shape=ir.Shape(tensor.shape.numpy()),
            type=ir.TensorType(tensor.dtype),
        )
        self._graph.register_initializer(value)
        return value
