"""What ONNX Runtime's x64 kernels compute with 8-bit integers, bit by bit, in NumPy.

CPUs without VNNI multiply unsigned activations ``a`` with signed weights ``w`` by ``vpmaddubsw``:
two adjacent products are added in 16 bits, and the sum saturates. CPUs with VNNI add in 32 bits.
Depthwise convolutions have a kernel of their own, which adds in 32 bits everywhere.

A model is emulated as the runtime runs it: on the graph that the runtime itself writes after its
optimizations, one operator at a time. QLinearConv, QGemm and MatMulIntegerToFloat are computed
here, everything else by the runtime.
"""

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from qconv.algorithms.saturation import PAIR_LIMIT, kernel_rows
from qconv.graph.model_io import model_to_bytes, read_model
from qconv.graph.prepare.names import fix_names
from qconv.graph.view import constant
from qconv.runtime.session import InferenceSession, open_session, write_optimized

Array = NDArray[np.generic]
Ints = NDArray[np.int64]


def product(a: Array, w: Array, *, saturating: bool) -> Ints:
    """Return ``a w^T`` for ``a [M, K]`` of uint8 and ``w [O, K]`` of int8, as ``[M, O]``.

    With ``saturating``, each adjacent pair of products is clipped to 16 bits before it is added.
    Only pairs of weights that can overflow are looked at one by one.
    """
    exact: Ints = np.rint(a.astype(np.float64) @ w.T.astype(np.float64)).astype(np.int64)
    if not saturating:
        return exact
    odd = ((0, 0), (0, w.shape[1] % 2))
    pairs = np.pad(w, odd).astype(np.int32).reshape(len(w), -1, 2)
    inputs = np.pad(a, odd).astype(np.int32).reshape(len(a), -1, 2)
    risky = np.abs(pairs.sum(axis=2)) > PAIR_LIMIT
    for pair in np.flatnonzero(risky.any(axis=0)):
        rows = np.flatnonzero(risky[:, pair])
        sums = inputs[:, pair] @ pairs[rows, pair].T
        exact[:, rows] -= sums - np.clip(sums, -(2**15), 2**15 - 1)
    return exact


@dataclass
class Emulator:
    """A quantized model, run one operator at a time; ``saturating`` as without VNNI."""

    path: Path
    saturating: bool
    _nodes: list[ir.Node] = field(init=False)
    _constants: dict[str, Array] = field(init=False, default_factory=dict)
    _sessions: dict[str, InferenceSession] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        model = read_model(self.path)
        fix_names(model)
        with tempfile.TemporaryDirectory() as folder:
            written = Path(folder) / "optimized.onnx"
            write_optimized(model_to_bytes(model), written, "extended")
            self._model = read_model(written)
            ir.external_data.load_to_model(self._model)
        self._nodes = list(self._model.graph)
        for value in self._model.graph.initializers.values():
            array = constant(value)
            if array is not None:
                self._constants[str(value.name)] = array

    def values(self, feeds: dict[str, Array]) -> Iterator[tuple[ir.Node, list[Array], list[Array]]]:
        """Run one feed; yield each operator with what it reads and gives, in graph order."""
        known: dict[str, Array] = {**self._constants, **feeds}
        for node in self._nodes:
            read = [known[str(value.name)] for value in node.inputs if value is not None]
            given = self._run(node, read)
            for value, array in zip(node.outputs, given, strict=False):
                known[str(value.name)] = array
            yield node, read, given

    def outputs(self, feeds: dict[str, Array]) -> list[Array]:
        """Run one feed and return the model's outputs."""
        names = [str(value.name) for value in self._model.graph.outputs]
        found: dict[str, Array] = {}
        for node, _, given in self.values(feeds):
            for value, array in zip(node.outputs, given, strict=False):
                if value.name in names:
                    found[str(value.name)] = array
        return [found[name] for name in names]

    def _run(self, node: ir.Node, read: list[Array]) -> list[Array]:
        if node.op_type == "QLinearConv":
            return [_convolution(node, read, saturating=self.saturating)]
        if node.op_type == "QGemm":
            return [_gemm(node, read, saturating=self.saturating)]
        if node.op_type == "MatMulIntegerToFloat":
            return [_matmul(read, saturating=self.saturating)]
        return self.runtime(node, read)

    def runtime(self, node: ir.Node, read: list[Array]) -> list[Array]:
        """Run one operator in the runtime, on this CPU."""
        name = str(node.name)
        if name not in self._sessions:
            self._sessions[name] = open_session(model_to_bytes(_alone(self._model, node, read)))
        feeds = {f"i{index}": array for index, array in enumerate(read)}
        session = self._sessions[name]
        wanted = [port.name for port in session.get_inputs()]
        return [np.asarray(out) for out in session.run(None, {key: feeds[key] for key in wanted})]


def _alone(model: ir.Model, node: ir.Node, read: list[Array]) -> ir.Model:
    """Return a model of one operator; what is constant in its graph stays constant."""
    present = [value for value in node.inputs if value is not None]
    renamed: dict[int, ir.Value] = {}
    inputs, initializers = [], []
    for index, (value, array) in enumerate(zip(present, read, strict=True)):
        tensor = ir.tensor(array)
        own = ir.Value(
            name=f"i{index}", shape=ir.Shape(array.shape), type=ir.TensorType(tensor.dtype)
        )
        if constant(value) is None:
            inputs.append(own)
        else:
            own.const_value = tensor
            initializers.append(own)
        renamed[id(value)] = own
    outputs = [
        ir.Value(name=f"o{index}", type=value.type) for index, value in enumerate(node.outputs)
    ]
    copied = ir.Node(
        node.domain,
        node.op_type,
        [None if value is None else renamed[id(value)] for value in node.inputs],
        list(node.attributes.values()),
        outputs=outputs,
        name="node",
    )
    graph = ir.Graph(
        inputs,
        outputs,
        nodes=[copied],
        initializers=initializers,
        opset_imports=model.graph.opset_imports,
        name="one",
    )
    return ir.Model(graph, ir_version=model.ir_version)


def _convolution(node: ir.Node, read: list[Array], *, saturating: bool) -> Array:
    x, x_scale, x_zero, w, w_scale, _, y_scale, y_zero, *bias = read
    group = node.attributes.get_int("group", 1)
    columns, shape = _columns(node, x, int(x_zero.item()), w.shape[2:])
    per_group = len(w) // group
    depthwise = group == len(w) == x.shape[1] > 1
    sums = []
    for index in range(group):
        mine = w[index * per_group : (index + 1) * per_group]
        rows = kernel_rows(mine, 0)
        width = x.shape[1] // group
        a = columns[:, :, index * width : (index + 1) * width].reshape(len(columns), -1)
        sums.append(product(a, rows, saturating=saturating and not depthwise))
        sums[-1] -= int(x_zero.item()) * rows.sum(axis=1, dtype=np.int64)
    total = np.concatenate(sums, axis=1)
    if bias:
        total += bias[0].astype(np.int64)
    scale = np.float32(x_scale) * w_scale.astype(np.float32) / np.float32(y_scale)
    y = _requantize(total, scale, y_zero)
    spatial = y.reshape(x.shape[0], *shape, len(w))
    return np.ascontiguousarray(np.moveaxis(spatial, -1, 1))


def _columns(
    node: ir.Node, x: Array, zero: int, kernel: tuple[int, ...]
) -> tuple[Array, tuple[int, ...]]:
    """Return the windows of a map ``[N, C, H, W]``, ``[N positions, k, C]``, and the out shape."""
    rank = len(kernel)
    ones = [1] * rank
    strides = node.attributes.get_ints("strides", ones)
    dilations = node.attributes.get_ints("dilations", ones)
    pads = node.attributes.get_ints("pads", [0] * 2 * rank)
    if node.attributes.get_string("auto_pad", "NOTSET") != "NOTSET":
        raise NotImplementedError("auto_pad")
    padding = [(0, 0), (0, 0), *((pads[axis], pads[axis + rank]) for axis in range(rank))]
    padded = np.pad(x, padding, constant_values=zero)
    spans = [(size - 1) * step + 1 for size, step in zip(kernel, dilations, strict=True)]
    axes = tuple(range(2, 2 + rank))
    windows = np.lib.stride_tricks.sliding_window_view(padded, spans, axes)
    steps = (slice(None), slice(None), *(slice(None, None, step) for step in strides))
    inner = tuple(slice(None, None, step) for step in dilations)
    windows = windows[(*steps, *inner)]  # [N, C, out..., k...]
    shape = windows.shape[2 : 2 + rank]
    order = (0, *range(2, 2 + 2 * rank), 1)
    flat: Array = windows.transpose(order).reshape(x.shape[0] * int(np.prod(shape)), -1, x.shape[1])
    return flat, shape


def _gemm(node: ir.Node, read: list[Array], *, saturating: bool) -> Array:
    a, a_scale, a_zero, b, b_scale, _, *rest = read
    rows = b if node.attributes.get_int("transB", 0) else b.T
    total = product(a, rows.astype(np.int8), saturating=saturating)
    total -= int(a_zero.item()) * rows.sum(axis=1, dtype=np.int64)
    if rest:
        total += rest[0].astype(np.int64)
    scale = np.float32(a_scale) * b_scale.astype(np.float32)
    if len(rest) > 1:
        return _requantize(total, scale / np.float32(rest[1]), rest[2])
    floats: Array = total.astype(np.float32) * scale
    return floats


def _matmul(read: list[Array], *, saturating: bool) -> Array:
    a, b, a_scale, b_scale, a_zero = read[:5]
    bias = [array for array in read[5:] if array.dtype == np.float32]
    total = product(a.reshape(-1, a.shape[-1]), b.T.astype(np.int8), saturating=saturating)
    total -= int(a_zero.item()) * b.sum(axis=0, dtype=np.int64)
    result = total.astype(np.float32) * (np.float32(a_scale) * b_scale.astype(np.float32))
    if bias:
        result = result + bias[0]
    return result.reshape(*a.shape[:-1], b.shape[1])


def _requantize(total: Ints, scale: NDArray[np.float32], zero: Array) -> Array:
    least = 0 if zero.dtype == np.uint8 else -128
    offset = int(zero.item())
    floats = total.astype(np.float32) * scale
    rounded = np.rint(np.clip(floats, least - offset, least + 255 - offset)).astype(np.int64)
    result: Array = (rounded + offset).astype(zero.dtype)
    return result
