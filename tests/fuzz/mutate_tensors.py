"""Changes to the weights of a model: their numbers, their sizes, and where they are stored."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
from onnx import GraphProto, ModelProto, SparseTensorProto, TensorProto, helper, numpy_helper

from tests.fuzz import hostile
from tests.fuzz.mutate_nodes import any_graph, value_names

_MEGABYTES_16 = 1 << 24


def _tensor(random: Random, graph: GraphProto) -> TensorProto:
    if not graph.initializer:
        name = random.choice(value_names(graph))
        graph.initializer.append(numpy_helper.from_array(np.ones((2, 2), np.float32), name))
    tensor: TensorProto = random.choice(graph.initializer)
    return tensor


def _array(tensor: TensorProto) -> np.ndarray:
    """Return a tensor's numbers, or others where an earlier change has made it unreadable."""
    if tensor.data_location != TensorProto.EXTERNAL:
        with contextlib.suppress(
            ValueError, TypeError, KeyError, UnicodeError, OverflowError, MemoryError
        ):
            return np.array(numpy_helper.to_array(tensor))
    return np.ones(3, np.float32)


def set_numbers(random: Random, model: ModelProto, _: Path) -> None:
    """Put numbers into weights that are hard to round, or that are none."""
    tensor = _tensor(random, any_graph(random, model))
    array = _array(tensor)
    if array.dtype.kind not in "fiu" or not array.size:
        return
    with np.errstate(all="ignore"):
        number = np.asarray(random.choice(hostile.FLOATS), np.float64).astype(array.dtype)
    if random.random() < 0.5:
        array[...] = number
    else:
        array.flat[random.randrange(array.size)] = number
    tensor.CopyFrom(numpy_helper.from_array(array, tensor.name))


def set_size(random: Random, model: ModelProto, _: Path) -> None:
    """Make weights empty, of one number, of one axis more, or of another type, soundly."""
    tensor = _tensor(random, any_graph(random, model))
    array = _array(tensor)
    match random.randrange(6):
        case 0:
            array = np.atleast_1d(array)[:0]
        case 1:
            array = np.atleast_1d(array)[..., :0]
        case 2:
            array = array.reshape(-1)[:1].reshape(())[()] if array.size else array
        case 3:
            array = array[None]
        case 4:
            array = np.resize(array, random.choices((0, 1, 2, 3, 40), k=random.randrange(1, 5)))
        case _:
            kind = random.choice(
                (np.float64, np.float16, np.int64, np.int8, np.bool_, np.complex64)
            )
            if array.dtype.kind in "fiu":
                with np.errstate(all="ignore"):
                    array = array.astype(kind)
    tensor.CopyFrom(numpy_helper.from_array(np.ascontiguousarray(array), tensor.name))


def break_tensor(random: Random, model: ModelProto, _: Path) -> None:
    """Let a tensor's bytes, type and axes contradict each other."""
    tensor = _tensor(random, any_graph(random, model))
    match random.randrange(8):
        case 0:
            tensor.raw_data = tensor.raw_data[: random.randrange(len(tensor.raw_data) + 1)]
        case 1:
            tensor.raw_data += random.randbytes(random.choice((1, 4, 64)))
        case 2:
            tensor.data_type = random.randrange(30)
        case 3:
            tensor.dims.append(random.choice(hostile.DIMS))
        case 4 if tensor.dims:
            tensor.dims[random.randrange(len(tensor.dims))] = random.choice(hostile.DIMS)
        case 5:
            tensor.float_data.extend([1.0, 2.0])
        case 6:
            del tensor.dims[:]
        case _:
            tensor.string_data.extend([b"\xff", b"text"])


def store_outside(random: Random, model: ModelProto, folder: Path) -> None:
    """Store weights in a file beside the model: soundly, or where no file of weights is."""
    tensor = _tensor(random, any_graph(random, model))
    content = tensor.raw_data or _array(tensor).tobytes()
    file = folder / "weights.data"
    if not os.path.lexists(file):
        _write(random, file, b"\0" * 16 + content)
    location = random.choice(
        ("weights.data",) * 6
        + ("./weights.data", "sub/../weights.data", "../secret.bin", "/etc/passwd", "/dev/zero")
        + ("model.onnx", ".", hostile.name(random))
    )
    offset = random.choice(("16",) * 5 + ("0", "-1", "17", "1e3", "0x10", "9" * 30, "١", "", " 16"))
    length = random.choice((str(len(content)),) * 5 + ("0", "-1", "1", "many", "9" * 30, ""))
    keys = {"location": location, "offset": offset, "length": length}
    for key in ("location", "offset", "length"):
        if random.random() < 0.1:
            del keys[key]
    if random.random() < 0.1:
        keys[random.choice(("checksum", "basepath", hostile.name(random)))] = hostile.name(random)
    for field in ("raw_data", "float_data", "int64_data", "int32_data"):
        tensor.ClearField(field)
    tensor.data_location = TensorProto.EXTERNAL
    del tensor.external_data[:]
    for key, value in keys.items():
        tensor.external_data.add(key=key, value=value)


def _write(random: Random, file: Path, content: bytes) -> None:
    """Write the file, mostly; else something that bears its name."""
    match random.randrange(12):
        case 0:
            (file.parent / "secret.bin").write_bytes(content)
            file.symlink_to(
                random.choice(("secret.bin", "weights.data", "../secret.bin", "/dev/zero"))
            )
        case 1:
            file.mkdir()
        case 2:
            os.mkfifo(file)
        case 3:
            (file.parent / "twin.bin").write_bytes(content)
            os.link(file.parent / "twin.bin", file)
        case 4:
            pass
        case 5:
            file.write_bytes(content[: random.randrange(len(content) + 1)])
        case _:
            file.write_bytes(content)


def store_sparse(random: Random, model: ModelProto, _: Path) -> None:
    """Make a weight a sparse one, soundly or not."""
    graph = any_graph(random, model)
    tensor = _tensor(random, graph)
    array = _array(tensor)
    if array.dtype.kind not in "fiu" or array.size > _MEGABYTES_16:
        return
    places = np.flatnonzero(array).astype(np.int64)
    sparse = SparseTensorProto(dims=array.shape)
    sparse.values.CopyFrom(numpy_helper.from_array(array.reshape(-1)[places], tensor.name))
    if random.random() < 0.3:
        places = places + random.choice((-1, 1, array.size, 10**12))
    if random.random() < 0.2:
        places = places[:-1]
    sparse.indices.CopyFrom(numpy_helper.from_array(places, random.choice(("", "indices"))))
    if random.random() < 0.2:
        sparse.dims.append(random.choice(hostile.DIMS))
    graph.initializer.remove(tensor)
    if random.random() < 0.8:
        graph.sparse_initializer.append(sparse)
        return
    node = helper.make_node("Constant", [], [sparse.values.name])
    node.attribute.append(helper.make_attribute("sparse_value", sparse))
    graph.node.insert(0, node)


def make_constant(random: Random, model: ModelProto, _: Path) -> None:
    """Give a weight as a Constant node, in one of its many ways."""
    graph = any_graph(random, model)
    tensor = _tensor(random, graph)
    array = _array(tensor)
    kept = TensorProto.FromString(tensor.SerializeToString())
    graph.initializer.remove(tensor)
    flat = array.reshape(-1).tolist() if array.dtype.kind in "fiu" else [1.0]
    keys: dict[str, Any] = {"value": kept}
    match random.randrange(5):
        case 0:
            keys = {"value_floats": [float(number) for number in flat]}
        case 1:
            keys = {"value_float": float(flat[0]) if flat else 0.0}
        case 2:
            keys["value_int"] = 1
        case _:
            pass
    graph.node.insert(0, helper.make_node("Constant", [], [kept.name], **keys))


def list_weights(random: Random, model: ModelProto, _: Path) -> None:
    """Drop or double a weight, or name it among the inputs too."""
    graph = any_graph(random, model)
    tensor = _tensor(random, graph)
    match random.randrange(4):
        case 0:
            graph.initializer.remove(tensor)
        case 1:
            graph.initializer.append(TensorProto.FromString(tensor.SerializeToString()))
        case _:
            info = helper.make_tensor_value_info(tensor.name, tensor.data_type, list(tensor.dims))
            graph.input.append(info)


MUTATORS = (
    *(set_numbers, set_numbers, set_size, set_size, break_tensor, break_tensor, store_outside),
    *(store_outside, store_sparse, make_constant, list_weights),
)
