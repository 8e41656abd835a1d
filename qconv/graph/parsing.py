"""The protobuf inside a model file."""

from __future__ import annotations

from pathlib import Path

import onnx
from google.protobuf.message import DecodeError, Message

from qconv.errors import ModelError
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
        raise ModelError(not_onnx) from error
    except OSError as error:
        raise ModelError(f"{path}: cannot be read: {error.strerror}") from error
    if not proto.ir_version or not proto.opset_import or not proto.graph.output:
        raise ModelError(not_onnx)
    if (text := _bad_text(proto)) is not None:
        raise ModelError(f"{path}: not a valid ONNX model: a name in it is not UTF-8: {text!r}")
    return proto


def _bad_text(message: Message) -> str | bytes | None:
    """Return a text of a message that protobuf could not decode, and gave as bytes."""
    if isinstance(message, onnx.TensorProto):  # to list its fields would copy the weights
        found = [text for text in (message.name, message.doc_string) if isinstance(text, bytes)]
        return found[0] if found else None
    for field, value in message.ListFields():
        values = (value,) if isinstance(value, str | bytes | Message) else value
        if field.type == field.TYPE_STRING:
            bad = next((text for text in values if isinstance(text, bytes)), None)
        elif field.type == field.TYPE_MESSAGE:
            bad = next(filter(None, map(_bad_text, values)), None)
        else:
            continue
        if bad is not None:
            return bad
    return None
