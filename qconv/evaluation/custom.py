"""Metrics that users write: a function of one sample's outputs, averaged over the samples."""

from __future__ import annotations

import reprlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np

from qconv.data.source import Array, Sample
from qconv.data.user_code import user_code
from qconv.data.user_function import load_callable, names_function, script_of, takes
from qconv.errors import DataError, UnsupportedError, UsageError
from qconv.plugins import added, added_names
from qconv.reporting.catalog import metric_names
from qconv.reporting.expressions import KEYWORDS

REFERENCE = "reference"
"""The parameter of metric functions that want the float model's outputs."""

MetricFunction = Callable[..., float]


@dataclass(frozen=True)
class CustomMetric:
    """A metric function.

    Attributes:
        name: what reports and gates call it.
        spec: where it is.
        function: it takes the outputs and the sample, and the float model's outputs if it wants.
        compares: whether it wants these.
    """

    name: str
    spec: str
    function: MetricFunction
    compares: bool = False

    def measure(
        self, outputs: Mapping[str, Array], sample: Sample, reference: Mapping[str, Array]
    ) -> float:
        """Return the function's number for one sample.

        Raises:
            DataError: the function raises, or returns something else than one number.
        """
        try:
            with user_code(self.spec):
                more = (dict(reference),) if self.compares else ()
                value = self.function(dict(outputs), sample, *more)
                number = _number(value)
                shown = "" if number is not None else reprlib.repr(value)
        except DataError as error:
            raise DataError(f"{error}; on the sample {sample.origin}") from error.__cause__
        if number is None:
            raise DataError(
                f"{self.spec}: returned {shown} for the sample {sample.origin}; "
                "one number is needed",
                hint="a metric function takes (outputs, sample), or (outputs, sample, reference), "
                "and returns a float",
            )
        return number


def load_metric(spec: str) -> CustomMetric:
    """Import the function of ``script.py:function``, or one that an installed package adds.

    Raises:
        UsageError: the text has another form, and is no name of a metric that a package adds.
        UnsupportedError: what a package adds cannot be used.
        DataError: there is no such function, its import fails, or it does not take the arguments
            ``outputs, sample``, and ``reference`` if it has such a parameter.
    """
    name = custom_name(spec)
    arguments = ("outputs", "sample")
    function = (
        load_callable(spec, *arguments, optional=REFERENCE)
        if names_function(spec)
        else added("metric", spec)
    )
    if not callable(function):
        raise UnsupportedError(f"the metric '{spec}' of an installed package is not a function")
    compares = takes(function, REFERENCE)
    return CustomMetric(name, spec, cast(MetricFunction, function), compares)


def custom_name(spec: str) -> str:
    """Return ``f1`` for ``metrics.py:f1``, and for the metric ``f1`` of an installed package.

    Raises:
        UsageError: the text has another form.
    """
    if spec in added_names("metric"):
        return spec
    if not names_function(spec):
        raise UsageError(
            f"the metric '{spec}' is not of the form script.py:function",
            hint="write the file and the function's name, for example metrics.py:f1",
        )
    return spec.rpartition(":")[2]


def metric_scripts(specs: Iterable[str]) -> list[Path]:
    """Return the scripts of metrics; those of installed packages have none."""
    return [script_of(spec) for spec in specs if names_function(spec)]


def check_custom_names(names: Sequence[str]) -> None:
    """Refuse custom metrics that gates could not tell apart.

    Raises:
        UsageError: two names are equal, or one is a built-in metric or keyword of gates.
    """
    taken = {*metric_names(), *KEYWORDS}
    for name in names:
        own = {name, f"{name}_drop"}
        if clash := sorted(own & taken):
            raise UsageError(
                f"the metric function '{name}' cannot be used: '{clash[0]}' names another metric",
                hint="rename the function",
            )
        taken |= own


class Mean:
    """The mean of a custom metric over the samples."""

    def __init__(self, metric: CustomMetric) -> None:
        self.metric = metric
        self._sum = 0.0
        self._samples = 0

    def update(
        self, outputs: Mapping[str, Array], sample: Sample, reference: Mapping[str, Array]
    ) -> None:
        """Add one sample; ``reference`` are the float model's outputs."""
        self._sum += self.metric.measure(outputs, sample, reference)
        self._samples += 1

    @property
    def result(self) -> float:
        """The mean; nan before the first sample."""
        return self._sum / self._samples if self._samples else float("nan")


def _number(value: object) -> float | None:
    """Return the one number that ``value`` holds, None where it holds anything else."""
    try:
        array = np.asarray(value)
        if array.size != 1 or array.dtype.kind not in "biufOV":
            return None
        item = array.item()
        return None if isinstance(item, str | bytes) else float(item)
    except (TypeError, ValueError, OverflowError):
        return None
