"""Tensors stored as ONNX protobuf files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper

from qconv.errors import DataError, foreign
from qconv.files import require_regular
from qconv.memory import megabytes

_LARGEST = (1 << 31) - 1


def read_tensor(path: Path) -> tuple[str, NDArray[np.generic]]:
    """Read a TensorProto file, such as ``test_data_set_0/input_0.pb``.

    Returns:
        The tensor's name, empty where the file has none, and its values.

    Raises:
        DataError: the file is missing or does not hold a tensor.
    """
    size = require_regular(path, "an ONNX tensor", DataError)

    def told(error: object) -> DataError:  # protobuf and onnx share no base class for errors
        return DataError(
            f"{path}: cannot be read as an ONNX tensor: {error}",
            hint="qconv reads TensorProto files; sequences and maps are not supported",
        )

    if size > _LARGEST:
        raise told(f"it has {megabytes(size)}, and protobuf reads {megabytes(_LARGEST)} at most")
    tensor = onnx.TensorProto()
    with foreign(told):
        tensor.ParseFromString(path.read_bytes())
        if tensor.data_location == onnx.TensorProto.EXTERNAL:
            raise ValueError("its values are in another file")
        if min(tensor.dims, default=0) < 0:
            raise ValueError(f"it has an axis of length {min(tensor.dims)}")
        array: NDArray[np.generic] = numpy_helper.to_array(tensor)
    return tensor.name, array
