"""Where two models begin to differ: their outputs, and the inner values that both have."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import onnx_ir as ir

from qconv.data.loops import OpenData, bind
from qconv.data.source import Array, Sample, Source, TensorSpec
from qconv.errors import DataError, ModelError
from qconv.evaluation.matching import Common, common_values, comparable
from qconv.graph.model_io import model_to_bytes
from qconv.graph.view import static_shape
from qconv.numerics.metrics import Cosine, Sqnr
from qconv.progress import Progress, no_progress
from qconv.reporting.model_comparison import Comparison, ValueDifference
from qconv.runtime.machine import runtime_version
from qconv.runtime.runner import Runner, check_outputs
from qconv.runtime.session import input_specs, open_session

DEFAULT_SQNR = 40.0
INNER_SAMPLES = 8
_MOST_BYTES = 1_000_000_000
"""Inner values of one sample that are held at once."""


def compare(
    first: Path,
    second: Path,
    *,
    data: OpenData,
    part_below: float = DEFAULT_SQNR,
    progress: Progress = no_progress,
) -> Comparison:
    """Run two models over the same data, and compare what they give and what they compute.

    Outputs are those of the models as they are, over all samples. Inner values are given out by
    copies of the models in which nothing is fused, on the first eight samples.

    Args:
        first: the model that counts as right.
        second: another one; its inputs and outputs go by name, or by position where no name is
            the same.
        data: opens the samples for the inputs of the first model.
        part_below: SQNR in dB below which a value counts as another one.
        progress: shown over the samples.

    Raises:
        ModelError: a model is missing or cannot be run, or the two have other inputs.
        UnsupportedError: an output holds no numbers.
        DataError: the data does not fit.
    """
    runners = [Runner.open(path, threads=None) for path in (first, second)]
    for runner in runners:
        check_outputs(runner)
    models = comparable(first, second)
    names = _inputs(*runners)
    source = bind(data(input_specs(runners[0].session)), runners[0].answer)
    outputs = _outputs(*runners)
    common = common_values(models[0], models[1], names)
    gathered = {pair: _Difference() for pair in outputs}
    for sample in progress(source, len(source), "comparing outputs"):
        answers = [
            runners[0].run(sample),
            runners[1].run(_renamed(sample, names, input_specs(runners[1].session))),
        ]
        for (left, right), difference in gathered.items():
            difference.update(answers[0][left], answers[1][right])
    if not len(source):
        raise DataError("the data has no samples")
    inner = _compare_inner((first, second), models, common, source, names=names, progress=progress)
    return Comparison(
        first=str(first),
        second=str(second),
        runtime=runtime_version(),
        samples=len(source),
        inner_samples=min(INNER_SAMPLES, len(source)),
        part_below=part_below,
        outputs=tuple(
            gathered[pair].result(pair[0], pair[1], _producer(models[0], pair[0]))
            for pair in outputs
        ),
        values=inner,
    )


@dataclass
class _Difference:
    """How far one value of the second model is from the first's, over the samples."""

    sqnr: Sqnr = field(default_factory=Sqnr)
    cosine: Cosine = field(default_factory=Cosine)
    largest: float = 0.0
    equal: bool = True
    shapes: tuple[tuple[int, ...], tuple[int, ...]] | None = None

    def update(self, left: Array, right: Array) -> None:
        """Add one sample."""
        if self.shapes is None or left.shape != right.shape:
            self.shapes = (left.shape, right.shape)
        if left.shape != right.shape:
            self.equal = False
            return
        if np.array_equal(left, right, equal_nan=left.dtype.kind == "f"):
            self.sqnr.update(left, left)
            self.cosine.update(left, left)
            return
        self.equal = False
        self.sqnr.update(left, right)
        self.cosine.update(left, right)
        distance = np.abs(left.astype(np.float64) - right.astype(np.float64))
        self.largest = max(self.largest, float(np.max(distance, initial=0.0)))

    def result(self, name: str, other: str, op: str) -> ValueDifference:
        """Return the numbers over all samples."""
        left, right = self.shapes or ((), ())
        return ValueDifference(
            name=name,
            other=other,
            op=op,
            shape=left,
            other_shape=right,
            equal=self.equal,
            sqnr_db=math.nan if left != right else self.sqnr.result,
            cosine=math.nan if left != right else self.cosine.result,
            largest=self.largest,
        )


def _compare_inner(
    paths: tuple[Path, Path],
    models: tuple[ir.Model, ir.Model],
    common: Sequence[Common],
    source: Source,
    *,
    names: Mapping[str, str],
    progress: Progress,
) -> tuple[ValueDifference, ...]:
    """Compare the values that both models have, in the order of the first."""
    if not common:
        return ()
    samples = [sample for _, sample in zip(range(INNER_SAMPLES), source, strict=False)]
    found: dict[Common, _Difference] = {}
    groups = list(_groups(common, models[0], samples[0]))
    for group in progress(groups, len(groups), "comparing inner values"):
        left = _probe(paths[0], models[0], [pair.first for pair in group])
        right = _probe(paths[1], models[1], [pair.second for pair in group])
        for pair in group:
            found[pair] = _Difference()
        specs = input_specs(right.session)
        for sample in samples:
            mine = left.run(_kept(sample, left))
            other = right.run(_renamed(sample, names, specs))
            for pair in group:
                found[pair].update(mine[pair.first], other[pair.second])
    return tuple(
        difference.result(pair.first, pair.second, pair.op) for pair, difference in found.items()
    )


def _groups(common: Sequence[Common], model: ir.Model, sample: Sample) -> Iterator[list[Common]]:
    """Deal the values out so that those of a group fit into memory together.

    Values of unknown size count as large as the largest input.
    """
    largest = max((array.nbytes for array in sample.feeds.values()), default=1)
    values = ir.convenience.create_value_mapping(model.graph)
    group: list[Common] = []
    total = 0
    for pair in common:
        shape = static_shape(values[pair.first]) or (None,)
        sizes = [length for length in shape if length is not None]
        size = 4 * math.prod(sizes) if len(sizes) == len(shape) else largest
        if group and total + size > _MOST_BYTES:
            yield group
            group, total = [], 0
        group.append(pair)
        total += size
    yield group


def _probe(path: Path, model: ir.Model, names: Sequence[str]) -> Runner:
    """Open a copy of a model that gives the named values and fuses nothing."""
    probed = model.clone()
    values = ir.convenience.create_value_mapping(probed.graph)
    probed.graph.outputs.clear()
    probed.graph.outputs.extend(values[name] for name in dict.fromkeys(names))
    return Runner(path, open_session(model_to_bytes(probed), optimization="none"))


def _inputs(first: Runner, second: Runner) -> dict[str, str]:
    """Return what each input of the second model is called in the first.

    Raises:
        ModelError: the second model has inputs that the first has not.
    """
    mine = {spec.name for spec in input_specs(first.session)}
    theirs = [spec.name for spec in input_specs(second.session)]
    if set(theirs) <= mine:
        return {name: name for name in theirs}
    ports = [spec.name for spec in input_specs(first.session)]
    if len(ports) == len(theirs) and not mine & set(theirs):
        return dict(zip(theirs, ports, strict=True))
    raise ModelError(
        f"{second.path}: cannot be fed as {first.path}: its inputs are "
        f"{', '.join(theirs) or 'none'}, not {', '.join(ports) or 'none'}",
        hint="give both models the same inputs, or at least the same number of inputs",
    )


def _outputs(first: Runner, second: Runner) -> list[tuple[str, str]]:
    """Return the pairs of outputs: those of one name, or all by position where none is.

    Raises:
        ModelError: no output has the name of another, and their numbers differ.
    """
    mine, theirs = ([port.name for port in runner.outputs] for runner in (first, second))
    if same := [(name, name) for name in mine if name in theirs]:
        return same
    if len(mine) == len(theirs):
        return list(zip(mine, theirs, strict=True))
    raise ModelError(
        f"{second.path}: has none of the outputs of {first.path} "
        f"({', '.join(theirs)}; not {', '.join(mine)})"
    )


def _renamed(sample: Sample, names: Mapping[str, str], specs: Sequence[TensorSpec]) -> Sample:
    """Return the sample as the second model takes it: its names, its floating-point types."""
    feeds = {}
    for spec in specs:
        array = sample.feeds[names[spec.name]]
        feeds[spec.name] = array.astype(spec.dtype) if array.dtype != spec.dtype else array
    return Sample(feeds, sample.label, sample.origin)


def _kept(sample: Sample, runner: Runner) -> Sample:
    """Return the sample without the inputs that a part of the model does not have."""
    wanted = {spec.name for spec in input_specs(runner.session)}
    feeds = {name: array for name, array in sample.feeds.items() if name in wanted}
    return Sample(feeds, sample.label, sample.origin)


def _producer(model: ir.Model, name: str) -> str:
    value = next((each for each in model.graph.outputs if each.name == name), None)
    producer = value.producer() if value is not None else None
    return "" if producer is None else producer.op_type
