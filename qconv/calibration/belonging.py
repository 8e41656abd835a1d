"""Whether what a record holds has the lengths of the model's channels.

A record bears the fingerprint of its model, so only one that was changed has others.
"""

from __future__ import annotations

from collections.abc import Iterator

import onnx_ir as ir

from qconv.calibration.record import Record
from qconv.data.input_checks import fit
from qconv.errors import DataError, RecordError
from qconv.graph.summary import input_specs
from qconv.graph.view import static_shape
from qconv.placement.inputs import layer_inputs
from qconv.placement.plan import Plan, ValuePlan


def require_moments(record: Record, model: ir.Model) -> None:
    """Refuse second moments of vectors that no layer of the prepared model reads.

    Raises:
        RecordError: they have another length.
    """
    for layer_input in layer_inputs(model):
        gram = record.grams.get(layer_input.key)
        wanted = (layer_input.groups, layer_input.size)
        if gram is not None and gram.count and gram.shape != wanted:
            sizes = " x ".join(map(str, gram.shape)), " x ".join(map(str, wanted))
            raise _changed(
                f"the record has second moments of {sizes[0]} numbers of '{layer_input.value}', "
                f"but the layers read {sizes[1]}"
            )


def require_feeds(record: Record, model: ir.Model) -> None:
    """Refuse kept samples that the model cannot be fed.

    Raises:
        RecordError: one does not fit the model's inputs.
    """
    for digest, feeds in record.feeds.items():
        try:
            fit(feeds, input_specs(model), f"the sample {digest} that the record keeps")
        except DataError as error:
            raise _changed(str(error)) from error


def require_channels(record: Record, model: ir.Model, plan: Plan) -> None:
    """Refuse statistics without the inputs of layers, or with other channels than the values have.

    Raises:
        RecordError: a value is not there, or has another number of channels.
    """
    for layer in plan.layers.values():
        if not plan.values[layer.input].constant and layer.input not in record.statistics:
            raise _changed(f"the record has no statistics of '{layer.input}'")
    values = ir.convenience.create_value_mapping(model.graph)
    for name, value_plan in plan.values.items():
        if name in record.statistics and name in values:
            for found, wanted in _lengths(record, value_plan, values[name]):
                if found not in (0, wanted):
                    raise _changed(
                        f"the record has {found} channels of '{name}', but the model has {wanted}"
                    )


def _lengths(record: Record, plan: ValuePlan, value: ir.Value) -> Iterator[tuple[int, int]]:
    """Yield how many channels a record has of a value, and how many there are, where known."""
    shape = static_shape(value) or ()
    statistics = record.statistics[plan.name]
    found = (
        (plan.channel_axis, statistics.means.means()),
        (plan.ranges_axis, statistics.channels.low),
    )
    for axis, numbers in found:
        if axis is not None and -len(shape) <= axis < len(shape):
            length = shape[axis]
            if length is not None:
                yield numbers.size, length


def _changed(message: str) -> RecordError:
    return RecordError(message, hint="it was changed after it was written; calibrate again")
