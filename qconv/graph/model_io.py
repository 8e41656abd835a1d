"""Reading models, with weights that stay in their file until they are touched."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import onnx
import onnx_ir as ir

from qconv.errors import ModelError, UnsupportedError, foreign
from qconv.graph.assume import Array, as_text, assumed_arrays, fix_inputs
from qconv.graph.axes import free_axes, shape_weights
from qconv.graph.external import data_folder
from qconv.graph.onnx_checker import run_checker
from qconv.graph.parsing import parse
from qconv.graph.quiet import quiet_ir
from qconv.graph.saving import PROTOBUF_LIMIT
from qconv.graph.shapes import infer_shapes
from qconv.graph.sound import data_files, open_sound
from qconv.graph.structure import is_sorted
from qconv.graph.summary import input_specs
from qconv.graph.view import quantization_ops

_SHAPE_BYTES = 1024
"""Size up to which the runtime may read a tensor while it infers shapes."""
_HASH_CHUNK = 1 << 22


@dataclass(frozen=True)
class LoadedModel:
    """A model in memory, with where it came from.

    ``fingerprint`` is the SHA-256 of the model file and of its external data, in hex;
    ``external`` tells whether it has external data. ``assumed`` holds the inputs that were fixed
    to constants, and are no longer inputs of ``ir``.
    """

    ir: ir.Model
    path: Path
    fingerprint: str
    external: bool
    assumed: Mapping[str, Array] = field(default_factory=dict)

    @property
    def assumptions(self) -> Mapping[str, str]:
        """The assumed inputs as text, sorted by name."""
        return as_text(self.assumed)


@dataclass(frozen=True)
class ModelBytes:
    """A serialized model, the folder that its external data lie in, and weights apart from both."""

    content: bytes
    folder: Path | None
    weights: Mapping[str, Array]


def load_model(
    path: Path, *, quantized: bool = False, assume: Mapping[str, str] | None = None
) -> LoadedModel:
    """Load a model of any known opset; a quantized one only if that is allowed.

    The inputs that ``assume`` names become constants, as :mod:`qconv.graph.assume` reads them.

    Raises:
        UsageError: an assumption does not fit the model.
        ModelError: the file is missing, not ONNX, truncated, invalid or already quantized, or
            its external data are missing or lie outside the model's folder.
        UnsupportedError: the opset is newer than the package onnx knows.
    """
    sound = open_sound(path)
    model = _to_ir(sound.proto, path)
    _check(model, path, quantized=quantized)
    assumed = assumed_arrays(input_specs(model), assume, str(path)) if assume else {}
    fix_inputs(model, assumed)
    return LoadedModel(model, path, _fingerprint([path, *sound.files]), bool(sound.files), assumed)


def read_model(path: Path, *, weights: bool = True) -> ir.Model:
    """Read any ONNX file, quantized or not, without judging it.

    ``weights=False`` does without external data, for a look at the graph alone.

    Raises:
        ModelError: the file is missing, not ONNX or truncated, or its external data are not there.
    """
    return _to_ir(open_sound(path).proto if weights else parse(path), path)


def model_files(path: Path) -> list[Path]:
    """Return a model file and those of its external data.

    Raises:
        ModelError: see :func:`read_model`.
    """
    return [path, *data_files(path)]


def model_bytes(path: Path) -> int:
    """Size of a model in bytes, its external data files included."""
    return sum(file.stat().st_size for file in model_files(path))


def model_fingerprint(path: Path) -> str:
    """SHA-256 of a model file and of its external data, in hex."""
    return _fingerprint(model_files(path))


def node_count(path: Path) -> int:
    """Number of nodes of a model's main graph."""
    return len(parse(path).graph.node)


def _cause(error: BaseException) -> str:
    """Return what the innermost of nested exceptions says, on one line."""
    while error.__cause__ is not None:
        error = error.__cause__
    return " ".join(str(error).split())


def _to_ir(proto: onnx.ModelProto, path: Path) -> ir.Model:
    with (
        foreign(lambda error: ModelError(f"{path}: not a valid ONNX model: {_cause(error)}")),
        quiet_ir(),
    ):
        model = ir.from_proto(proto)
    ir.external_data.set_base_dir(model.graph, data_folder(path))
    if not is_sorted(proto):
        try:
            model.graph.sort()
            for function in model.functions.values():
                function.sort()
        except ValueError as error:
            reason = "a node depends on its own output"
            raise ModelError(f"{path}: not a valid ONNX model: {reason}") from error
    free_axes(model)
    shape_weights(model)
    return model


def _fingerprint(files: list[Path]) -> str:
    digest = hashlib.sha256()
    for file in files:
        with file.open("rb") as stream:
            while chunk := stream.read(_HASH_CHUNK):
                digest.update(chunk)
    return digest.hexdigest()


def _check(model: ir.Model, path: Path, *, quantized: bool) -> None:
    present = quantization_ops(model)
    if present and not quantized:
        found = ", ".join(f"{count} {op}" for op, count in present.most_common(3))
        raise ModelError(
            f"{path}: is already quantized ({found})", hint="start from the float model"
        )
    opset = model.graph.opset_imports.get("", 1)
    newest = onnx.defs.onnx_opset_version()
    if opset > newest:
        raise UnsupportedError(
            f"{path}: opset {opset} is newer than {newest}, the newest that onnx "
            f"{onnx.__version__} knows",
            hint=f"install a newer onnx, or export the model with opset {newest} or older",
        )
    if any(output.shape is None for output in model.graph.outputs):
        infer_shapes(model)
    try:
        run_checker(model)
    except ModelError as error:
        raise ModelError(f"{path}: not a valid ONNX model: {error}") from error


def model_to_bytes(model: ir.Model) -> ModelBytes:
    """Serialize a model as a runtime session takes it; external weights stay in their files.

    Weights in memory go along as arrays, if all together are more than protobuf can hold.
    """
    tensors = {name: value.const_value for name, value in model.graph.initializers.items()}
    files = [tensor for tensor in tensors.values() if isinstance(tensor, ir.ExternalTensor)]
    held = {
        name: tensor
        for name, tensor in tensors.items()
        if tensor is not None and not isinstance(tensor, ir.ExternalTensor)
    }
    if sum(tensor.nbytes for tensor in held.values()) <= PROTOBUF_LIMIT:
        held = {}
    large = {name: tensor for name, tensor in held.items() if _is_large_array(tensor)}
    try:
        for name, tensor in large.items():
            model.graph.initializers[name].const_value = _absent(name, tensor)
        content = ir.to_proto(model).SerializeToString()
    finally:
        for name, tensor in large.items():
            model.graph.initializers[name].const_value = tensor
    folder = Path(files[0].base_dir) if files else None
    weights = {name: np.ascontiguousarray(tensor.numpy()) for name, tensor in large.items()}
    return ModelBytes(content, folder, weights)


def _is_large_array(tensor: ir.TensorProtocol) -> bool:
    dtype = tensor.dtype.numpy()
    return tensor.nbytes > _SHAPE_BYTES and dtype.isbuiltin == 1 and dtype.kind in "fiu"


def _absent(name: str, tensor: ir.TensorProtocol) -> ir.ExternalTensor:
    """Return what stands in a file for a tensor that is handed over apart from it."""
    return ir.ExternalTensor(
        "absent",
        None,
        None,
        tensor.dtype,
        shape=ir.Shape(tensor.shape.numpy()),
        name=name,
        base_dir="",
    )
