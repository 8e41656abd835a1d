"""Laws of the table of operators: it agrees with the schemas, and with itself."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from math import isfinite
from typing import Any

import numpy as np
import onnx
import onnx_ir as ir
import pytest
from numpy.typing import NDArray
from onnx.reference import ReferenceEvaluator
from onnxruntime.capi.onnxruntime_pybind11_state import get_all_operator_schema, schemadef

from qconv.graph.layers import bias_of, groups_of, is_scaled, is_turned, output_axis, weights_of
from qconv.graph.operators.facts import Family, Movement, Numbers, Operator, Sizes
from qconv.graph.operators.table import (
    RUNTIME,
    RUNTIME_DOMAIN,
    STANDARD,
    operator_of,
    standard_operator,
)
from qconv.placement.targets.ort_cpu import ORT_CPU
from qconv.placement.targets.table import Kind

ONNX = {schema.name: schema for schema in onnx.defs.get_all_schemas() if not schema.domain}
ORT = {
    (schema.domain.removeprefix("ai.onnx"), schema.name): schema
    for schema in get_all_operator_schema()
}


@dataclass(frozen=True)
class Named:
    """A row of the table under its name."""

    domain: str
    name: str
    row: Operator

    @property
    def schema(self) -> onnx.defs.OpSchema | schemadef.OpSchema:
        """What ONNX says of the operator, or else the runtime."""
        known = ONNX.get(self.name) if not self.domain else None
        return known or ORT[self.domain, self.name]


ROWS = [
    *(Named("", name, row) for name, row in STANDARD.items()),
    *(Named(RUNTIME_DOMAIN, name, row) for name, row in RUNTIME.items()),
]
each = pytest.mark.parametrize("named", ROWS, ids=lambda named: f"{named.domain}:{named.name}")


def _node(op_type: str, domain: str = "", **attributes: int | float) -> ir.Node:
    inputs = [ir.Value(name=f"v{index}") for index in range(3)]
    return ir.node(op_type, inputs, attributes=attributes, domain=domain)


@each
def test_the_runtime_or_onnx_has_the_operator(named: Named) -> None:
    assert (named.domain, named.name) in ORT or (not named.domain and named.name in ONNX)


@each
def test_a_row_says_something(named: Named) -> None:
    assert named.row != Operator()


@each
def test_inputs_are_what_the_schema_calls_them(named: Named) -> None:
    names, row = [formal.name.lower() for formal in named.schema.inputs], named.row
    scales = {i for i, name in enumerate(names) if "scale" in name or "zero" in name}
    assert set(row.scales) == (scales if row.scales else set())
    for index in row.weights:
        assert names[index] in ("w", "b", "r", "data"), names
    if row.bias is not None:
        assert names[row.bias] in ("b", "c", "bias"), names


@each
def test_attributes_are_those_of_the_schema(named: Named) -> None:
    row, attributes = named.row, named.schema.attributes
    wanted = [*row.turns, *(attribute for attribute, _ in row.factors)]
    wanted += ["stash_type"] if row.stashes else []
    wanted += ["to"] if row.family is Family.CAST else []
    wanted += ["group"] if row.family in (Family.CONVOLUTION, Family.SPREADING) else []
    wanted += row.control.bodies if row.control is not None else ()
    assert set(wanted) <= set(attributes)


@each
def test_facts_do_not_contradict_each_other(named: Named) -> None:
    row = named.row
    assert row.bias not in (*row.weights, *row.scales)
    assert not set(row.weights) & set(row.scales)
    assert row.multiplies <= (len(row.weights) == 1)
    assert bool(row.turns or row.factors or row.stacks) <= (row.family is Family.PRODUCT)
    assert (row.channels == 1) == (row.family in (Family.CONVOLUTION, Family.SPREADING))
    assert row.clamps <= (row.homogeneous is not None)
    assert not (row.control is not None and row.family is not None)
    if row.numbers is not Numbers.FLOAT:
        assert (row.layer, row.moves, row.sizes) == (None, None, None)
    if row.moves is not None:
        assert row.layer is None
        assert row.overflow is None
        assert not row.random
    if row.moves in (Movement.SAME, Movement.LAYOUT):
        assert row.sizes is Sizes.FIRST


def test_all_fields_are_told_by_some_row() -> None:
    """A fact that no operator has is one that nothing needs."""
    default = Operator()
    for field in inspect.signature(Operator).parameters:
        told = [named.row for named in ROWS if getattr(named.row, field) != getattr(default, field)]
        assert told, field


def test_every_integer_operator_of_the_runtime_is_known() -> None:
    """Those are named QLinear, which is all that tells them apart."""
    found = {name for domain, name in ORT if domain == RUNTIME_DOMAIN and name[:7] == "QLinear"}
    assert {name for name in found if RUNTIME[name].numbers is not Numbers.FLOAT} == found


def test_what_a_target_moves_in_integers_moves_data() -> None:
    """Resize is one that does only where it takes the nearest number, as its rule says."""
    for name, rule in ORT_CPU.rules.items():
        moves = standard_operator(name).moves is not None
        assert moves or rule.kind is not Kind.MOVEMENT or rule.attributes["mode"] == ("nearest",)
        assert (rule.kind is Kind.CLAMP) == standard_operator(name).clamps
        layer = standard_operator(name).layer
        assert (rule.kind is Kind.CONVOLUTION) == (layer is Family.CONVOLUTION)
        assert (rule.kind is Kind.PRODUCT) == (layer is Family.PRODUCT)


DATA = np.arange(-24, 24, dtype=np.float32).reshape(1, 4, 3, 4) * np.float32(1.25)
MOVES: dict[str, tuple[list[NDArray[np.generic]], dict[str, Any], int]] = {
    "Identity": ([DATA], {}, 1),
    "Expand": ([DATA, np.array([2, 4, 3, 4])], {}, 1),
    "Flatten": ([DATA], {}, 1),
    "Reshape": ([DATA, np.array([-1, 6])], {}, 1),
    "Slice": ([DATA, np.array([1]), np.array([3]), np.array([1])], {}, 1),
    "Split": ([DATA], {"axis": 1, "num_outputs": 2}, 2),
    "Squeeze": ([DATA, np.array([0])], {}, 1),
    "Tile": ([DATA, np.array([1, 2, 1, 1])], {}, 1),
    "Transpose": ([DATA], {"perm": [0, 2, 3, 1]}, 1),
    "Unsqueeze": ([DATA, np.array([0])], {}, 1),
    "Concat": ([DATA, -DATA], {"axis": 1}, 1),
    "Gather": ([DATA, np.array([2, 0])], {"axis": 1}, 1),
    "GatherElements": ([DATA, np.ones(DATA.shape, np.int64)], {"axis": 1}, 1),
    "GatherND": ([DATA, np.array([[0, 1], [0, 3]])], {}, 1),
    "DepthToSpace": ([DATA], {"blocksize": 2}, 1),
    "SpaceToDepth": ([DATA[:, :, :2]], {"blocksize": 2}, 1),
    "MaxPool": ([DATA], {"kernel_shape": [2, 2]}, 1),
    "ReduceMax": ([DATA, np.array([1])], {}, 1),
    "ReduceMin": ([DATA, np.array([1])], {}, 1),
    "Relu": ([DATA], {}, 1),
    "TopK": ([DATA, np.array([2])], {}, 2),
    "Where": ([DATA > -20, DATA, -DATA], {}, 1),
}


def _evaluate(
    op_type: str, arrays: list[NDArray[np.generic]], attributes: dict[str, Any], outputs: int = 1
) -> list[NDArray[np.generic]]:
    names = [f"input_{place}" for place in range(len(arrays))]
    given = [f"output_{place}" for place in range(outputs)]
    node = onnx.helper.make_node(op_type, names, given, **attributes)
    feeds = dict(zip(names, arrays, strict=True))
    return list(map(np.asarray, ReferenceEvaluator(node, opsets={"": 18}).run(None, feeds)))


@pytest.mark.parametrize("name", [name for name, row in STANDARD.items() if row.moves])
def test_what_moves_data_gives_numbers_of_its_inputs_alone(name: str) -> None:
    """A Relu gives zeros besides, which every type of float holds."""
    arrays, attributes, count = MOVES[name]
    results = _evaluate(name, arrays, attributes, outputs=count)
    known = {*(float(number) for array in arrays for number in array.reshape(-1)), 0.0}
    for result in (each for each in results if each.dtype == np.float32):
        assert {float(number) for number in result.reshape(-1)} <= known


@pytest.mark.parametrize("name", [name for name, row in STANDARD.items() if row.bounds])
def test_results_reach_their_bounds_and_no_further(name: str) -> None:
    low, high = STANDARD[name].bounds or (0.0, 0.0)
    numbers = np.linspace(-50, 50, 11, dtype=np.float32).reshape(1, -1)
    (result,) = _evaluate(name, [numbers], {})
    assert low <= result.min() <= result.max() <= high
    assert result.min() == pytest.approx(low, abs=1e-3)
    assert not isfinite(high) or result.max() == pytest.approx(high, abs=1e-3)


@pytest.mark.parametrize(
    ("node", "axis", "groups"),
    [
        (_node("Conv", group=2), 0, 2),
        (_node("ConvTranspose", group=2), 1, 2),
        (_node("MatMul"), 1, 1),
        (_node("Gemm"), 1, 1),
        (_node("Gemm", transB=1), 0, 1),
        (_node("Gemm", transA=1), 1, 1),
        (_node("QGemm", RUNTIME_DOMAIN, transB=1), 0, 1),
        (_node("ConvInteger"), 0, 1),
        (_node("MatMulInteger"), 1, 1),
    ],
    ids=lambda value: value.op_type if isinstance(value, ir.Node) else str(value),
)
def test_where_the_output_channels_lie(node: ir.Node, axis: int, groups: int) -> None:
    assert output_axis(node) == axis
    assert groups_of(node) == groups


def test_what_turns_and_scales_a_product() -> None:
    gemm = _node("Gemm", transA=1, beta=0.5)
    assert is_turned(gemm, 0)
    assert not is_turned(gemm, 1)
    assert is_scaled(gemm)
    assert not is_scaled(_node("Gemm", alpha=1.0))
    stray = _node("MatMul", transA=1, alpha=2.0, group=3)
    assert not is_turned(stray, 0)
    assert not is_scaled(stray)
    assert groups_of(stray) == 1


def test_inputs_of_layers() -> None:
    conv, product, lstm = _node("Conv"), _node("MatMul"), _node("LSTM")
    assert weights_of(conv) == (conv.inputs[1],)
    assert bias_of(conv) is conv.inputs[2]
    assert bias_of(product) is None
    assert weights_of(lstm) == (lstm.inputs[1], lstm.inputs[2])
    assert weights_of(_node("Relu")) == ()


def test_a_name_counts_in_its_own_domain_alone() -> None:
    assert operator_of(_node("Conv")) == operator_of(_node("Conv", "ai.onnx"))
    assert operator_of(_node("Conv", "somewhere.else")) == Operator()
    assert operator_of(_node("MatMulNBits")) == Operator()
    assert operator_of(_node("MatMulNBits", RUNTIME_DOMAIN)).numbers is Numbers.PACKED
    for domain in ("", RUNTIME_DOMAIN):
        assert operator_of(_node("QuantizeLinear", domain)).family is Family.QUANTIZE


@pytest.mark.parametrize(
    ("name", "layer"),
    [
        ("Conv", Family.CONVOLUTION),
        ("ConvTranspose", Family.SPREADING),
        ("Gemm", Family.PRODUCT),
        ("MatMul", Family.PRODUCT),
        ("LSTM", Family.RECURRENT),
        ("Einsum", Family.CONTRACTION),
        ("Gather", None),
        ("ConvInteger", None),
        ("Add", None),
        ("Unheard", None),
    ],
)
def test_which_operators_are_layers_of_floats(name: str, layer: Family | None) -> None:
    assert standard_operator(name).layer is layer


def test_what_only_quantized_models_have() -> None:
    assert {name for name, row in STANDARD.items() if row.is_quantized} == {
        *("QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear"),
        *("QLinearConv", "QLinearMatMul", "ConvInteger", "MatMulInteger"),
    }
    assert not RUNTIME["QMoE"].is_quantized


def test_what_computes() -> None:
    idle = {name for name, row in STANDARD.items() if not row.computes}
    assert idle == {
        *("QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear"),
        *("Constant", "If", "Loop", "Scan"),
    }
    assert [name for name, row in STANDARD.items() if row.chooses] == ["If"]
