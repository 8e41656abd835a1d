"""Tensors stored as ONNX protobuf files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper

from qconv.errors import DataError


def read_tensor(path: Path) -> tuple[str, NDArray[np.generic]]:
    """Read a TensorProto file, such as ``test_data_set_0/input_0.pb``.

    Returns:
        The tensor's name, empty where the file has none, and its values.

    Raises:
        DataError: the file is missing or does not hold a tensor.
    """
    tensor = onnx.TensorProto()
    try:
        tensor.ParseFromString(path.read_bytes())
        array: NDArray[np.generic] = numpy_helper.to_array(tensor, str(path.parent))
    except Exception as error:  # protobuf and onnx share no base class for what they refuse
        raise DataError(
            f"{path}: cannot be read as an ONNX tensor: {error}",
            hint="qconv reads TensorProto files; sequences and maps are not supported",
        ) from error
    return tensor.name, array
