"""Opening models in ONNX Runtime, with errors that a user can act on."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import onnxruntime as ort

from qconv.data.source import Array, TensorSpec
from qconv.errors import ModelError, OutOfMemoryError, UnsupportedError, UsageError
from qconv.graph.axes import UNNAMED
from qconv.graph.model_io import ModelBytes
from qconv.runtime.libraries import add_libraries

_NUMPY_TYPES = {
    "float": "float32",
    "double": "float64",
    "float16": "float16",
    "bool": "bool",
    **{f"{sign}int{bits}": f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)},
}

_UNKNOWN = "is not a registered function/op"
_TOO_NEW = re.compile("ValidateOpsetForDomain|Unsupported model IR version")
_NO_MEMORY = re.compile(
    r"bad_alloc|failed to allocate|cannot allocate memory|out of memory|available memory of",
    re.IGNORECASE,
)
_WEIGHTS_FOLDER = "session.model_external_initializers_file_folder_path"
CPU = "CPUExecutionProvider"
"""The execution provider that every build of the runtime has."""

Optimization = Literal["all", "extended", "none"]
Memory = Literal["planned", "free", "frugal"]
_LEVELS = {
    "all": ort.GraphOptimizationLevel.ORT_ENABLE_ALL,
    "extended": ort.GraphOptimizationLevel.ORT_ENABLE_EXTENDED,
    "none": ort.GraphOptimizationLevel.ORT_DISABLE_ALL,
}


class InferenceSession(ort.InferenceSession):  # type: ignore[misc]  # the runtime has no types
    """A model that is open in the runtime."""

    weights: Sequence[ort.OrtValue] = ()
    """Values whose memory the session reads, for as long as it lives."""

    def run(
        self,
        output_names: Sequence[str] | None,
        input_feed: Mapping[str, Array],
        run_options: ort.RunOptions | None = None,
    ) -> list[Any]:
        """Run one inference and return the named outputs, or all.

        Raises:
            ModelError: the runtime fails; the message is what it says.
            OutOfMemoryError: the memory does not suffice.
        """
        try:
            outputs: list[Any] = super().run(output_names, input_feed, run_options)
        except Exception as error:  # the runtime's exceptions share no base class
            raise ModelError(_reason(error)) from error
        return outputs


def find_provider(name: str) -> str:
    """Return the execution provider that ``name`` stands for: ``cuda`` is CUDAExecutionProvider.

    Raises:
        UsageError: this build of the runtime has no such provider.
    """
    available = ort.get_available_providers()
    short = name.lower().removesuffix("executionprovider")
    for provider in available:
        if provider.lower().removesuffix("executionprovider") == short:
            return str(provider)
    raise UsageError(
        f"this build of ONNX Runtime has no execution provider '{name}'",
        hint=f"it has {', '.join(available)}",
    )


def open_session(
    model: Path | ModelBytes,
    *,
    threads: int | None = None,
    optimization: Optimization = "all",
    settings: Mapping[str, str] | None = None,
    provider: str = CPU,
    memory: Memory = "planned",
    profile: Path | None = None,
    label: str = "the model",
) -> InferenceSession:
    """Load a model on an execution provider.

    Args:
        model: a file, or a serialized model.
        threads: threads inside one operator; None leaves the choice to the runtime.
        optimization: what the runtime may change: ``extended`` is all but the layout of tensors
            in memory.
        settings: session configuration entries, by their ONNX Runtime names.
        provider: the execution provider; what it cannot compute runs on the CPU.
        memory: ``planned`` plans one block for each shape that is fed, and keeps the plan: less
            time, but more memory than ``free`` where most values are outputs, or no two shapes are
            alike. ``frugal`` leaves the model as it is written and makes no copies of its weights:
            those that lie in a file of their own stay there until they are read. It runs slowly.
        profile: what the name of a file begins with that tells how long each operator took;
            ``end_profiling`` writes it and returns its name. Inferences take longer.
        label: what errors call a serialized model; a file goes by its path.

    Raises:
        ModelError: the runtime rejects the model.
        UnsupportedError: an operator or type of the model has no kernel in the runtime, the model
            is newer than it, or the provider does not start here.
        OutOfMemoryError: the memory does not suffice.
    """
    options = _options("none" if memory == "frugal" else optimization)
    options.enable_mem_pattern = memory == "planned"
    if threads is not None:
        options.intra_op_num_threads = threads
    if memory == "frugal":
        _save_memory(options)
    if profile is not None:
        options.enable_profiling = True
        options.profile_file_prefix = str(profile)
    for key, value in (settings or {}).items():
        options.add_session_config_entry(key, value)
    return _start(model, options, provider, label)


def write_optimized(model: ModelBytes, path: Path, optimization: Optimization = "all") -> None:
    """Write the graph that the runtime really runs on the CPU.

    Raises:
        ModelError, UnsupportedError, OutOfMemoryError: see :func:`open_session`.
    """
    options = _options(optimization)
    options.optimized_model_filepath = str(path)
    _start(model, options, CPU, "the model")


def _options(optimization: Optimization) -> ort.SessionOptions:
    options = ort.SessionOptions()
    options.log_severity_level = 4
    options.graph_optimization_level = _LEVELS[optimization]
    add_libraries(options)
    return options


def _start(
    model: Path | ModelBytes, options: ort.SessionOptions, provider: str, label: str
) -> InferenceSession:
    if isinstance(model, ModelBytes) and model.folder is not None:
        options.add_session_config_entry(_WEIGHTS_FOLDER, str(model.folder.absolute()))
    weights = {} if isinstance(model, Path) else model.weights
    values = [ort.OrtValue.ortvalue_from_numpy(array) for array in weights.values()]
    if values:
        options.add_external_initializers(list(weights), values)
    source = str(model) if isinstance(model, Path) else model.content
    label = str(model) if isinstance(model, Path) else label
    try:
        session = InferenceSession(source, options, providers=list(dict.fromkeys((provider, CPU))))
    except Exception as error:  # the runtime's exceptions share no base class
        reason = _reason(error)
        unknown = _UNKNOWN in reason
        if unknown or "NOT_IMPLEMENTED" in reason:
            raise UnsupportedError(
                f"{label}: ONNX Runtime has no kernel for one of its operators: {reason}",
                hint="name a library that has the operator with `custom_ops`" if unknown else None,
            ) from error
        if _TOO_NEW.search(reason):
            raise UnsupportedError(
                f"{label}: is too new for ONNX Runtime {ort.__version__}: {reason}"
            ) from error
        raise ModelError(f"{label}: ONNX Runtime cannot load it: {reason}") from error
    session.weights = values
    if provider not in session.get_providers():
        raise UnsupportedError(f"{label}: {provider} does not start on this machine")
    return session


def _save_memory(options: ort.SessionOptions) -> None:
    """Keep weights where they are, and compute each copy of one just before it is read."""
    options.add_session_config_entry("session.disable_prepacking", "1")
    options.execution_order = ort.ExecutionOrder.PRIORITY_BASED
    options.enable_cpu_mem_arena = False


def _reason(error: Exception) -> str:
    """Return what the runtime says, without its line breaks.

    Raises:
        OutOfMemoryError: it says that the memory does not suffice.
    """
    reason = re.sub(r"\s+", " ", str(error)).strip()
    if isinstance(error, MemoryError) or _NO_MEMORY.search(reason):
        raise OutOfMemoryError(f"ONNX Runtime does not have enough memory: {reason}") from error
    return reason


def _numpy_type(arg: ort.NodeArg) -> str | None:
    match = re.fullmatch(r"tensor\((\w+)\)", arg.type)
    return None if match is None else _NUMPY_TYPES.get(match[1])


def _spec(arg: ort.NodeArg) -> TensorSpec:
    dtype = _numpy_type(arg)
    if dtype is None:
        raise UnsupportedError(f"'{arg.name}' has the type {arg.type}; only plain tensors are fed")
    shape = tuple(None if axis in UNNAMED else axis for axis in arg.shape)
    return TensorSpec(arg.name, np.dtype(dtype), shape)


def takes_arrays(session: InferenceSession) -> bool:
    """Whether all inputs are tensors of types that NumPy has."""
    return all(_numpy_type(arg) is not None for arg in session.get_inputs())


def input_specs(session: InferenceSession) -> tuple[TensorSpec, ...]:
    """Return the inputs that the model must be fed, in order."""
    return tuple(_spec(arg) for arg in session.get_inputs())
