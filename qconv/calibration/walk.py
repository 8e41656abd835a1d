"""Run a model piece by piece along its layers: each piece begins where the last one was held."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from qconv.graph.model_io import model_to_bytes
from qconv.graph.operators.table import restores
from qconv.graph.view import bodies, is_constant, name_of
from qconv.runtime.session import InferenceSession, open_session

Array = NDArray[np.generic]
Values = Mapping[str, Array]
"""Of one sample, by name."""


@dataclass(frozen=True)
class Piece:
    """The operators from the values that are held to what a layer reads.

    Attributes:
        session: runs them; None where all is held already.
        fed: what it reads of the values that are held.
        read: the value that the layer reads.
        fresh: values that it gives and that later pieces begin with.
        kept: values that are held already and that later pieces begin with, too.
    """

    session: InferenceSession | None
    fed: Sequence[str]
    read: str
    fresh: Sequence[str]
    kept: Sequence[str]

    def run(self, held: Values, *, hold: bool) -> tuple[Array, Values]:
        """Return what the layer reads of one sample, and what to hold of it if that is wanted.

        Raises:
            ModelError: the runtime fails on it.
        """
        wanted = [] if self.read in held else [self.read]
        if hold:
            wanted += [name for name in self.fresh if name != self.read]
        found = dict(held)
        if self.session is not None and wanted:
            given = {name: held[name] for name in self.fed}
            found |= zip(wanted, self.session.run(wanted, given), strict=True)
        later = {name: found[name] for name in (*self.fresh, *self.kept)} if hold else {}
        return found[self.read], later


class Walk:
    """A model whose layers are looked at one after the other.

    What stands before the values that are held may change no more, what stands behind them may.

    Args:
        model: whose values all have names.
    """

    def __init__(self, model: ir.Model) -> None:
        self._model = model
        self._held = tuple(name_of(value) for value in model.graph.inputs)

    def piece(self, layer: str, stop: str) -> Piece:
        """Return what is to be run to see what a layer of the main graph reads.

        Args:
            layer: its name.
            stop: the first node, in the order of the graph, that may still change.

        Raises:
            ModelError: the runtime rejects the piece.
        """
        graph = self._model.graph
        nodes = {str(node.name): node for node in graph}
        read = nodes[layer].inputs[0]
        if read is None:
            raise ValueError(f"{layer} reads nothing")
        frontier = self._frontier(nodes[stop])
        kept = [name for name in frontier if name in self._held]
        fresh = [name for name in frontier if name not in self._held]
        wanted = dict.fromkeys([*fresh, *({name_of(read)} - {*self._held})])
        if not wanted:
            return Piece(None, (), name_of(read), fresh, kept)
        part = ir.convenience.extract(graph, self._held, list(wanted))
        for value in [value for value in part.inputs if not value.uses()]:
            part.inputs.remove(value)
        for value in part.inputs:
            if value.shape is not None:
                value.shape = ir.Shape([None] * len(value.shape))
        model = ir.Model(part, ir_version=self._model.ir_version)
        session = open_session(model_to_bytes(model), threads=1, memory="free")
        return Piece(session, [name_of(v) for v in part.inputs], name_of(read), fresh, kept)

    def advance(self, piece: Piece) -> None:
        """Begin later pieces with what that piece gave to hold."""
        self._held = (*piece.fresh, *piece.kept)

    def _frontier(self, stop: ir.Node) -> list[str]:
        """Return what is known before a node and read by it or behind it.

        That is what is held now, if one of these values is no tensor of a known type.
        """
        known = set(self._model.graph.inputs)
        found: dict[ir.Value, None] = {}
        before = True
        for node in self._model.graph:
            before = before and node is not stop
            moving = [value for value in _reads(node) if value in known]
            if not before:
                found.update(dict.fromkeys(map(_stored, moving)))
            elif moving:
                known.update(node.outputs)
        if any(not isinstance(value.type, ir.TensorType) for value in found):
            return list(self._held)
        return [name_of(value) for value in found]


def _reads(node: ir.Node) -> Iterator[ir.Value]:
    """Yield what a node reads, and what its bodies read from outside of them."""
    inner = chain.from_iterable(ir.traversal.RecursiveGraphIterator(body) for body in bodies(node))
    for reader in (node, *inner):
        yield from (value for value in reader.inputs if value is not None)


def _stored(value: ir.Value) -> ir.Value:
    """Return the integers that a value is restored from by constants, or the value itself."""
    node = value.producer()
    if node is None or not restores(node) or node.inputs[0] is None:
        return value
    return node.inputs[0] if all(map(is_constant, node.inputs[1:])) else value
