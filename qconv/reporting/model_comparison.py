"""What two models have in common, and where they differ: the result of ``qconv compare``."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass

from qconv.codec import encode
from qconv.printable import printable
from qconv.reporting.sentences import counted

SCHEMA = 1


@dataclass(frozen=True)
class ValueDifference:
    """One value of two models.

    Attributes:
        name: in the first model.
        other: in the second one.
        op: the operator that gives it in the first model.
        shape: its shape there, for the first sample or where the shapes differ.
        other_shape: its shape in the second model.
        equal: whether all samples gave the same numbers.
        sqnr_db: in dB, ``inf`` where they are equal, ``nan`` where shapes differ.
        cosine: mean cosine similarity.
        largest: largest absolute difference.
    """

    name: str
    other: str
    op: str
    shape: tuple[int, ...]
    other_shape: tuple[int, ...]
    equal: bool
    sqnr_db: float
    cosine: float
    largest: float


@dataclass(frozen=True)
class Comparison:
    """Two models over the same data; ``part_below`` is the SQNR in dB below which values differ.

    ``outputs`` are measured over ``samples``, ``values`` over the first ``inner_samples`` of them,
    in the order of the first model's graph.
    """

    first: str
    second: str
    runtime: str
    samples: int
    inner_samples: int
    part_below: float
    outputs: tuple[ValueDifference, ...]
    values: tuple[ValueDifference, ...]

    def __repr__(self) -> str:
        worst = min((each.sqnr_db for each in self.outputs), default=math.nan)
        names = f"{printable(self.first)} and {printable(self.second)}"
        return f"<Comparison of {names} on {counted(self.samples, 'sample')}: {worst:.1f} dB>"

    @property
    def first_different(self) -> ValueDifference | None:
        """The first value whose numbers are not the same."""
        return next((value for value in self.values if not value.equal), None)

    @property
    def first_parted(self) -> ValueDifference | None:
        """The first value that is further away than rounding explains."""
        return next((value for value in self.values if self.parts(value)), None)

    def parts(self, value: ValueDifference) -> bool:
        """Whether a value counts as another one."""
        return not value.equal and not value.sqnr_db >= self.part_below


def to_json(comparison: Comparison) -> str:
    """Return the comparison as JSON text with a schema number, ending in a newline."""
    content = {"schema": SCHEMA, **encode(comparison)}
    return json.dumps(content, indent=2, allow_nan=False) + "\n"


def findings(comparison: Comparison) -> Iterator[str]:
    """Yield what the comparison comes to, in sentences."""
    outputs = comparison.outputs
    same = sum(value.equal for value in outputs)
    samples = counted(comparison.samples, "sample")
    agree = "is" if len(outputs) == 1 else "are"
    yield (
        f"{same} of {counted(len(outputs), 'output')} {agree} identical in every bit on {samples}."
    )
    if not comparison.values:
        yield "The models have no inner values in common, neither by name nor by operators."
        return
    inner = counted(comparison.inner_samples, "sample")
    yield f"{counted(len(comparison.values), 'inner value')} in common, compared on {inner}."
    different, parted = comparison.first_different, comparison.first_parted
    if different is None:
        yield "All of them are identical in every bit."
        return
    if different is not parted:
        yield f"The first that is not identical in every bit: {described(different)}."
    if parted is None:
        yield f"None is below {comparison.part_below:g} dB."
    else:
        yield f"The first below {comparison.part_below:g} dB: {described(parted)}."


def described(value: ValueDifference) -> str:
    """Return the value's name, operator and difference in words."""
    name = f"'{printable(value.name)}'"
    if value.other != value.name:
        name += f" ('{printable(value.other)}' in the second model)"
    where = f"{name}, the output of {printable(value.op)}" if value.op else name
    if value.shape != value.other_shape:
        return f"{where}: shape {list(value.shape)} against {list(value.other_shape)}"
    ratio = "NaN or Inf" if not math.isfinite(value.sqnr_db) else f"{value.sqnr_db:.1f} dB"
    return f"{where}: {ratio}, largest difference {value.largest:.3g}"
