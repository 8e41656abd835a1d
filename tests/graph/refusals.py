"""One sentence, whichever way a model is opened."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import onnx
import pytest

from qconv.errors import ModelError, QconvError
from qconv.graph.model_io import load_model, read_model
from qconv.runtime.runner import Runner
from tests.model_helpers import save

OPENERS: list[Callable[[Path], object]] = [
    load_model,
    read_model,
    lambda path: Runner.open(path, threads=1),
]


def refusal(model: onnx.ModelProto, folder: Path, kind: type[QconvError] = ModelError) -> str:
    """Return the one sentence with which all ways to open a model refuse it."""
    path = save(model, folder)
    messages = set()
    for opener in OPENERS:
        with pytest.raises(kind) as caught:
            opener(path)
        messages.add(str(caught.value))
    (message,) = messages
    return message.replace(str(path), "FILE")


def with_function(body: str, calls: str = "y = f.F(x)") -> onnx.ModelProto:
    """Return a model with one function, ``F``."""
    imports = '"" : 17, "f" : 1'
    return onnx.parser.parse_model(
        f"<ir_version: 8, opset_import: [{imports}]> g (float[N] x) => (float[N] y) {{ {calls} }} "
        f'<domain: "f", opset_import: ["" : 17, "f" : 3]> F (a) => (b) {{ {body} }}'
    )
