"""Names that try to steer a terminal or a CI, and models, data and reports that bear them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from qconv.reporting.report_json import to_json
from tests.report_cases import FULL

NAMES = (
    "\x1b[2J\x1b[31mred",
    "\x1b]0;title\x07",
    "\x1b]8;;http://example.org\x1b\\link",
    "\x1bP+q544e\x1b\\",
    "\x1b[6n\x1b[c",
    "\x1b_application\x1b\\",
    "bell\x07",
    "\x08\x08\x08back",
    "over\rwrite",
    "\r\n::error::crlf",
    "\n::error::x",
    "\n  ::error file=a,line=1::x",
    "::error::x",
    "  ::warning::x",
    "\t::notice::x",
    "::set-output name=a::b",
    "::add-mask::a",
    "::stop-commands::x",
    "::::error::x",
    "##[error]x",
    "text ##[group]x",
    "##vso[task.setvariable variable=a]b",
    "\n##[error]x",
    "\x9b31mC1",
    "\x9d0;title\x9c",
    "\x85next\x84",
    "\x7f\x7f",
    "\x0b\x0c\x1c\x1d\x1e\x1f",
    "a\u2028::error::b\u2029::error::c",
    "\u202ereversed\u2066x\u2069",
    "\u200b\u200d\ufeff::error::x",
    "\ufe0f\u034f::error::x",
    "n" * 10_000,
    "[red]x[/] [/] [link=a]",
    ":smile: :warning:",
    "%s %n %(a)s {0} {} {a.b}",
    "../../etc/passwd",
    "a'b\"c`d$(e);f|g&h<i>j\\k",
    "",
    "|--|\n|  |\n<script>alert(1)</script><!-- @all #1 -->",
)
FILES = ("\udcff\udc9b31m.onnx", "\x1b[31m\n::error::x.onnx", "\u202exnno.onnx")
"""Names of files, of which the first is not UTF-8."""


def layers() -> onnx.ModelProto:
    """A model whose every input, axis, node, weight and output has a hostile name."""
    graph = onnx.GraphProto(name=NAMES[0])
    random = np.random.default_rng(0)
    for index, name in enumerate(NAMES):
        given, product, output = (f"{name}{index}{kind}" for kind in "xpy")
        graph.input.append(_info(given, [f"{name}N{index}", 32]))
        weight = random.standard_normal((32, 16)).astype(np.float32)
        graph.initializer.append(numpy_helper.from_array(weight, f"{name}{index}w"))
        operator = "Tanh" if index % 2 else "Relu"
        graph.node.add(
            op_type="MatMul", name=f"{name}{index}m", input=[given, f"{name}{index}w"],
            output=[product],
        )  # fmt: skip
        graph.node.add(op_type=operator, name=f"{name}{index}t", input=[product], output=[output])
        graph.output.append(_info(output, [f"{name}N{index}", 16]))
    return _model(graph)


def arrays(samples: int = 3) -> dict[str, Any]:
    """Data for the model of :func:`layers`, by input."""
    random = np.random.default_rng(1)
    return {
        f"{name}{index}x": random.standard_normal((samples, 32)).astype(np.float32)
        for index, name in enumerate(NAMES)
    }


def one(name: str, *, op: str = "Relu", domain: str = "") -> onnx.ModelProto:
    """A model of one operator, which may be unknown, whose names are all the same at the front."""
    graph = onnx.GraphProto(name=name or "g")
    graph.input.append(_info(f"{name}x", [f"{name}N", 4]))
    graph.node.add(
        op_type=op, domain=domain, name=f"{name}n", input=[f"{name}x"], output=[f"{name}y"]
    )
    graph.output.append(_info(f"{name}y", [f"{name}N", 4]))
    return _model(graph, *([domain] if domain else []))


def report(names: Sequence[str]) -> str:
    """A report as JSON with a variant for each hostile name, which is its every name."""
    content = json.loads(to_json(FULL))
    (variant,) = content["variants"]
    content["variants"] = [_renamed(variant, f"{name}{index}") for index, name in enumerate(names)]
    return json.dumps(content)


def _renamed(value: Any, name: str, key: str = "") -> Any:
    if isinstance(value, dict):
        mapped = key in ("by_op", "origin")
        return {(name if mapped else own): _renamed(of, name, own) for own, of in value.items()}
    if isinstance(value, list):
        return [_renamed(of, name, key) for of in value]
    return name if isinstance(value, str) and key in _WORDS else value


_WORDS = {"name", "path", "node", "op", "reason", "cpu", "runtime", "command", "class_output"}


def save_layers(folder: Path) -> None:
    """Write the model of :func:`layers` and its data."""
    onnx.save(layers(), folder / "layers.onnx")
    np.savez(folder / "layers.npz", **arrays())
    np.savez(folder / "search.npz", **arrays(8))


def _info(name: str, shape: list[int | str]) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)


def _model(graph: onnx.GraphProto, *domains: str) -> onnx.ModelProto:
    imports = [helper.make_opsetid("", 17), *(helper.make_opsetid(name, 1) for name in domains)]
    return helper.make_model(graph, opset_imports=imports, ir_version=8)
