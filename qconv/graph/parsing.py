"""The protobuf inside a model file."""

from __future__ import annotations

from pathlib import Path

import onnx
from google.protobuf.message import DecodeError, Message

from qconv.errors import ModelError, lacks_memory
from qconv.files import require_regular

_MOST_BYTES = 2**31 - 1
"""What protobuf can hold in one message."""


def parse(path: Path) -> onnx.ModelProto:
    """Read a model file without its external data, and without judging what it holds.

    Raises:
        ModelError: the file is missing, no regular file, not ONNX, truncated, or too large.
    """
    if require_regular(path, "an ONNX file", ModelError) > _MOST_BYTES:
        raise ModelError(
            f"{path}: is larger than 2 GB, which no ONNX file can be",
            hint="keep the weights in a file of their own (external data)",
        )
    not_onnx = f"{path}: not an ONNX file, or a truncated one"
    try:
        proto = onnx.load(str(path), format="protobuf", load_external_data=False)
    except DecodeError as error:
        if "Depth" in str(error):
            raise ModelError(f"{path}: its graphs are nested too deep to be read") from error
        raise ModelError(not_onnx) from error
    except OSError as error:
        if lacks_memory(error):
            raise
        raise ModelError(f"{path}: cannot be read: {error.strerror}") from error
    if not proto.ir_version or not proto.opset_import or not proto.graph.output:
        raise ModelError(not_onnx)
    return proto


def undecoded(message: Message) -> bytes | None:
    """Return a text of a message that is not UTF-8, which protobuf gives as bytes, or None.

    Types are not looked at: onnx-ir refuses those with such names.
    """
    if isinstance(message, onnx.TypeProto):
        return None
    if isinstance(message, onnx.TensorProto):  # to list its fields would copy the weights
        texts: list[object] = [message.name, message.doc_string]
        for entry in (*message.external_data, *message.metadata_props):
            texts += entry.key, entry.value
        return next((text for text in texts if isinstance(text, bytes)), None)
    for field, value in message.ListFields():
        values = (value,) if isinstance(value, str | bytes | Message) else value
        for each in values if field.type in (field.TYPE_STRING, field.TYPE_MESSAGE) else ():
            bad = undecoded(each) if isinstance(each, Message) else each
            if isinstance(bad, bytes):
                return bad
    return None
