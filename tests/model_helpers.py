"""Models as a few lines of ONNX text, and what the tests ask of a converted one."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
from numpy.typing import NDArray
from onnx import numpy_helper, parser

from qconv.data import Sample, TensorSpec
from qconv.numerics.metrics import Sqnr
from qconv.pipeline import Conversion, OpenData, calibrate, convert
from qconv.recipe.settings import Int8Settings
from qconv.reporting.contents import FusionAudit
from qconv.runtime.audit import audit_fusion

Array = NDArray[Any]
Feeds = Mapping[str, Array]

RUNTIME = tuple(int(part) for part in ort.__version__.split(".")[:2])
"""Major and minor version of the runtime."""
HEADER = '<ir_version: {ir}, opset_import: ["" : {opset}, "com.microsoft" : 1]>'


def parse(text: str, *, opset: int = 17, ir: int = 8, seed: int = 0) -> onnx.ModelProto:
    """Parse ``(inputs) => (outputs) <weights> {nodes}``.

    What stands among the weights without a value becomes random numbers: weights of more than
    one axis are scaled so that sums keep their size.
    """
    model = parser.parse_model(f"{HEADER.format(ir=ir, opset=opset)} g {text}")
    random = np.random.default_rng(seed)
    made = {name for node in model.graph.node for name in node.output}
    for info in [info for info in model.graph.value_info if info.name not in made]:
        shape = [axis.dim_value for axis in info.type.tensor_type.shape.dim]
        array = random.standard_normal(shape) / np.sqrt(max(_fan_in(shape), 1))
        dtype = onnx.helper.tensor_dtype_to_np_dtype(info.type.tensor_type.elem_type)
        model.graph.initializer.append(numpy_helper.from_array(array.astype(dtype), info.name))
        model.graph.value_info.remove(info)
    return model


def _fan_in(shape: Sequence[int]) -> int:
    if len(shape) == 2:
        return shape[0]
    return int(np.prod(shape[1:])) if len(shape) > 2 else 4


def set_weight(model: onnx.ModelProto, name: str, array: Array) -> None:
    """Give an initializer other numbers."""
    (tensor,) = [tensor for tensor in model.graph.initializer if tensor.name == name]
    tensor.CopyFrom(numpy_helper.from_array(np.asarray(array), name))


def list_weights_as_inputs(model: onnx.ModelProto) -> None:
    """Name every initializer among the inputs too, as all models of IR version 3 do."""
    model.graph.input.extend(
        onnx.helper.make_tensor_value_info(tensor.name, tensor.data_type, list(tensor.dims))
        for tensor in model.graph.initializer
    )


def declare_length(model: onnx.ModelProto, name: str, length: int | str) -> None:
    """Write a length, or another name, for the axes of one name: inputs, outputs, inner values."""
    graphs = [model.graph]
    for graph in graphs:
        graphs += [a.g for node in graph.node for a in node.attribute if a.HasField("g")]
        for info in (*graph.input, *graph.output, *graph.value_info):
            for axis in info.type.tensor_type.shape.dim:
                if axis.dim_param != name:
                    continue
                if isinstance(length, int):
                    axis.dim_value = length
                else:
                    axis.dim_param = length


def save(model: onnx.ModelProto, folder: Path, name: str = "model.onnx") -> Path:
    path = folder / name
    onnx.save(model, path)
    return path


def side_files(model: Path) -> list[Path]:
    """Return the files of weights beside a model that bear its name."""
    return sorted(model.parent.glob(f"{model.name}.*.data"))


@dataclass(frozen=True)
class Listed:
    """Feeds as a data source."""

    feeds: Sequence[Feeds]
    name: str = "data"

    def __len__(self) -> int:
        return len(self.feeds)

    def __iter__(self) -> Iterator[Sample]:
        for index, feed in enumerate(self.feeds):
            yield Sample(feed, None, f"{self.name}[{index}]")


def data(feeds: Sequence[Feeds], name: str = "data") -> OpenData:
    """Return the ``data`` argument that gives these feeds."""

    def open_feeds(_: Sequence[TensorSpec]) -> Listed:
        return Listed(feeds, name)

    return open_feeds


def run(model: Path | onnx.ModelProto, feeds: Feeds, *, optimized: bool = True) -> dict[str, Array]:
    """Run a model in the runtime; return its outputs by name."""
    options = ort.SessionOptions()
    if not optimized:
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    source = str(model) if isinstance(model, Path) else model.SerializeToString()
    session = ort.InferenceSession(source, options, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(None, dict(feeds)), strict=True))


def random_feeds(
    model: onnx.ModelProto,
    axes: Mapping[str, Sequence[int]] | None = None,
    *,
    count: int = 8,
    seed: int = 1,
) -> list[Feeds]:
    """Return random feeds for the inputs that have no default.

    ``axes`` gives the lengths of a named axis: the first feed takes the first, and so on, round
    and round. An axis without lengths has length 2. Integer inputs get 0 to 9, booleans 0 or 1.
    """
    random = np.random.default_rng(seed)
    constants = {tensor.name for tensor in model.graph.initializer}
    return [
        {
            info.name: _random_array(random, info, index, axes or {})
            for info in model.graph.input
            if info.name not in constants
        }
        for index in range(count)
    ]


def _random_array(
    random: np.random.Generator,
    info: onnx.ValueInfoProto,
    index: int,
    axes: Mapping[str, Sequence[int]],
) -> Array:
    tensor = info.type.tensor_type
    shape = []
    for axis in tensor.shape.dim:
        lengths = axes.get(axis.dim_param, (2,))
        shape.append(axis.dim_value or lengths[index % len(lengths)])
    dtype = onnx.helper.tensor_dtype_to_np_dtype(tensor.elem_type)
    if dtype.kind == "f":
        return np.asarray(random.standard_normal(shape), dtype)
    return np.asarray(random.integers(0, 2 if dtype.kind == "b" else 10, shape), dtype)


@dataclass(frozen=True)
class Converted:
    """A model that went through calibration and conversion, with what was measured."""

    path: Path
    conversion: Conversion
    audit: FusionAudit
    sqnr: Mapping[str, float]

    @property
    def quantized(self) -> list[str]:
        """The operator types that run in integers by the Plan, in graph order."""
        return [node.op_type for node in self.conversion.plan.quantized]

    @property
    def kept(self) -> dict[str, str]:
        """The operators that stay in float, and why; of each type the last one."""
        return {node.op_type: node.reason for node in self.conversion.plan.kept_float}

    @property
    def misses(self) -> list[tuple[str, str]]:
        return [(miss.op, miss.reason) for miss in self.audit.misses]

    def proto(self) -> onnx.ModelProto:
        return onnx.load(self.path)


def convert_model(
    model: onnx.ModelProto | Path,
    folder: Path,
    *,
    feeds: Sequence[Feeds] | None = None,
    axes: Mapping[str, Sequence[int]] | None = None,
    settings: Int8Settings | None = None,
    batch_size: int = 1,
) -> Converted:
    """Calibrate and convert a model, and compare it with the float one on the first feeds.

    The written model keeps the ports of the float one, passes the ONNX checker and runs.
    """
    path = save(model, folder) if isinstance(model, onnx.ModelProto) else model
    proto = onnx.load(path)
    feeds = random_feeds(proto, axes) if feeds is None else feeds
    record = calibrate(path, data=data(feeds), batch_size=batch_size)
    output = folder / f"{path.stem}.int8.onnx"
    conversion = convert(path, output, calibration=record, settings=settings, force=True)
    onnx.checker.check_model(str(output), full_check=True)
    assert ports(onnx.load(output)) == ports(proto)
    return Converted(output, conversion, audit_fusion(output), sqnr(path, output, feeds[:4]))


def ports(model: onnx.ModelProto) -> list[tuple[str, int]]:
    """Return name and element type of the inputs that must be fed, then of the outputs."""
    constants = {tensor.name for tensor in model.graph.initializer}
    inputs = [info for info in model.graph.input if info.name not in constants]
    return [(info.name, info.type.tensor_type.elem_type) for info in (*inputs, *model.graph.output)]


def sqnr(
    reference: Path | onnx.ModelProto, variant: Path | onnx.ModelProto, feeds: Iterable[Feeds]
) -> dict[str, float]:
    """Return for each output how far its noise lies below its signal, in dB, over all feeds."""
    meters: dict[str, Sqnr] = {}
    for feed in feeds:
        expected, found = run(reference, feed), run(variant, feed)
        for name, array in expected.items():
            assert found[name].shape == array.shape
            assert found[name].dtype == array.dtype
            meters.setdefault(name, Sqnr()).update(array, found[name])
    return {name: meter.result for name, meter in meters.items()}


def said(conversion: Conversion) -> tuple[str, ...]:
    """Return the remarks on a conversion as text."""
    return tuple(map(str, conversion.remarks))


def op_types(model: onnx.ModelProto) -> list[str]:
    """Return the operators of the main graph, in order."""
    return [node.op_type for node in model.graph.node]


def one_line(text: str) -> str:
    """Return a message with its white space made single."""
    return re.sub(r"\s+", " ", text).strip()
