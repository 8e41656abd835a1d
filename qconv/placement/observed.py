"""Which values calibration looks at."""

from __future__ import annotations

import onnx_ir as ir

from qconv.graph.view import is_constant, is_map, name_of
from qconv.placement.describe import UNBOUNDED
from qconv.placement.plan import Plan, ValuePlan


def has_range(value: ValuePlan) -> bool:
    """Whether a value is computed at run time, and gives scale and zero point."""
    return not value.constant and value.params_from == value.name


def quantizable_values(plan: Plan) -> tuple[ValuePlan, ...]:
    """The values that give ranges to a quantized model, and the inputs of its layers."""
    return tuple(
        value
        for value in plan.values.values()
        if not value.constant
        and (value.params_from == value.name or value.channel_axis is not None)
    )


def all_values(model: ir.Model, plan: Plan) -> tuple[ValuePlan, ...]:
    """Every float32 tensor of the main graph; the plan's own come first, as it describes them."""
    planned = {value.name: value for value in quantizable_values(plan)}
    scheme = plan.target.activations[plan.target.activation]
    computed = [output for node in model.graph for output in node.outputs if output.name]
    for value in (*model.graph.inputs, *computed):
        name = name_of(value)
        if value.type != ir.TensorType(ir.DataType.FLOAT) or name in planned or is_constant(value):
            continue
        planned[name] = ValuePlan(
            name=name,
            scheme=scheme,
            params_from=name,
            bounds=UNBOUNDED,
            channel_axis=None,
            maps=is_map(value),
            emitted=False,
            constant=False,
        )
    return tuple(planned.values())
