"""Metrics that users write: a function of one sample's outputs, averaged over the samples."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from qconv.data.source import Array, Sample
from qconv.errors import DataError, UsageError
from qconv.reporting.catalog import metric_names

MetricFunction = Callable[[dict[str, Array], Sample], float]


@dataclass(frozen=True)
class CustomMetric:
    """A metric function; ``name`` is what reports and gates call it, ``origin`` where it is."""

    name: str
    origin: str
    function: MetricFunction

    def measure(self, outputs: Mapping[str, Array], sample: Sample) -> float:
        """Return the function's number for one sample.

        Raises:
            DataError: the function raises, or returns something else than one number.
        """
        try:
            value = self.function(dict(outputs), sample)
        except Exception as error:  # whatever a user's function raises
            reason = f"{type(error).__name__}: {error}"
            raise DataError(f"{self._place(sample)} failed: {reason}") from error
        try:
            number = np.asarray(value, np.float64)
        except (TypeError, ValueError) as error:
            raise self._not_a_number(sample, value) from error
        if value is None or number.size != 1 or isinstance(value, str | bytes):
            raise self._not_a_number(sample, value)
        return float(number.item())

    def _place(self, sample: Sample) -> str:
        return f"the metric '{self.origin}' on {sample.origin}"

    def _not_a_number(self, sample: Sample, value: object) -> DataError:
        return DataError(
            f"{self._place(sample)} returned {value!r:.60}; one number is needed",
            hint="a metric function takes (outputs, sample) and returns a float",
        )


def custom_name(spec: str) -> str:
    """Return ``f1`` for ``metrics.py:f1``.

    Raises:
        UsageError: the text has another form.
    """
    script, _, name = spec.rpartition(":")
    if not script or not name.isidentifier():
        raise UsageError(
            f"the metric '{spec}' is not of the form script.py:function",
            hint="write the file and the function's name, for example metrics.py:f1",
        )
    return name


def check_custom_names(names: Sequence[str]) -> None:
    """Refuse custom metrics that gates could not tell apart.

    Raises:
        UsageError: two names are equal, or one is a built-in metric or keyword of gates.
    """
    taken = {*metric_names(), "and", "or", "not"}
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

    def update(self, outputs: Mapping[str, Array], sample: Sample) -> None:
        """Add one sample."""
        self._sum += self.metric.measure(outputs, sample)
        self._samples += 1

    @property
    def result(self) -> float:
        """The mean; nan before the first sample."""
        return self._sum / self._samples if self._samples else float("nan")
