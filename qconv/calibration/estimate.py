"""Scale and zero point of every value of a Plan, from a record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import onnx_ir as ir

from qconv.calibration.responses import find_responses
from qconv.errors import DataError, RecordError
from qconv.graph.view import constant
from qconv.numerics.affine import affine_params
from qconv.numerics.schemes import QParams
from qconv.observers.estimators import Method, estimate_range
from qconv.observers.least_error import Limits
from qconv.observers.statistic import SENTINEL
from qconv.observers.value import ValueStatistics
from qconv.placement.plan import Plan


@dataclass(frozen=True)
class RangeSettings:
    """How ranges are read from statistics.

    Attributes:
        method: one for all values.
        percentile: percent of the data inside the range, for the method of that name.
        behind_gates: whether the error counts that is left behind the gate that reads a value.
    """

    method: Method
    percentile: float
    behind_gates: bool = False

    def __str__(self) -> str:
        return f"{self.method} after gates" if self.behind_gates else self.method


def estimate_params(
    model: ir.Model,
    plan: Plan,
    statistics: Mapping[str, ValueStatistics],
    settings: RangeSettings,
    known: Mapping[str, Limits] | None = None,
) -> dict[str, QParams]:
    """Return the parameters of each value that gives its own, by name.

    The method ``clip`` clips nothing of what products read from operators in float: transformers
    decide by the rare large numbers there. Nor is anything clipped of values whose statistics
    were derived, since their histogram is not known. ``known`` are ranges to take as they are.

    Raises:
        RecordError: the statistics lack a value, or the histogram that the method needs.
        DataError: nothing was seen of a value but sentinels.
    """
    values = ir.convenience.create_value_mapping(model.graph)
    own = {name: value for name, value in plan.values.items() if value.params_from == name}
    responses = find_responses(model, statistics, own) if settings.behind_gates else {}
    params = {}
    for name, value in own.items():
        if known is not None and name in known:
            limits = known[name]
        elif value.constant:
            limits = _constant_limits(values[name])
        elif name in statistics:
            seen, method = statistics[name], settings.method
            _require_range(name, seen)
            wanted = method == "clip" and value.channel_axis == -1 and not value.emitted
            if wanted or seen.derived:
                method = "minmax"
            limits = estimate_range(seen, method, settings.percentile, responses.get(name, ()))
        else:
            raise RecordError(
                f"the record has no statistics of '{name}'",
                hint="it was made by another version of qconv; calibrate again",
            )
        params[name] = affine_params(*limits, value.scheme, value.bounds)
    return params


def _require_range(name: str, seen: ValueStatistics) -> None:
    if seen.range.low > seen.range.high:
        raise DataError(
            f"'{name}' has no range: in all calibration samples it is empty, or beyond "
            f"{SENTINEL:.0e} throughout",
            hint="larger numbers count as the fill of masks, not as data",
        )


def _constant_limits(value: ir.Value) -> Limits:
    array = constant(value)
    if array is None or not array.size:
        return 0.0, 0.0
    return float(array.min()), float(array.max())
