"""Choose each range by the error that it makes in the outputs of the layers that read the value.

The least error of a value is not always the least error of what layers make of it: they weigh
its channels. So the ranges of several methods are tried on vectors that the layers read.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from qconv.calibration.observe import random_places, run_float
from qconv.calibration.vectors import USUAL, draw_vectors, vectors_per_sample
from qconv.data import Batch, Source, batches
from qconv.data.sample_digests import sample_digests
from qconv.graph.layers import output_axis
from qconv.graph.model_io import model_to_bytes
from qconv.graph.probe import add_probes
from qconv.graph.view import all_nodes, constant
from qconv.numerics.affine import affine_params, dequantize, quantize
from qconv.numerics.schemes import QParams
from qconv.numerics.threads import on_one_blas_thread
from qconv.observers.estimators import Method, estimate_range
from qconv.observers.least_error import Limits
from qconv.observers.statistic import SENTINEL
from qconv.observers.value import ValueStatistics
from qconv.parallel import GATHERING, in_parallel, worker_count
from qconv.placement.inputs import LayerInput, layer_inputs
from qconv.placement.plan import Plan
from qconv.progress import Progress
from qconv.runtime.session import open_session

_TRIED: tuple[tuple[Method, float], ...] = (
    *(("clip", 0.0), ("minmax", 0.0), ("percentile", 99.999), ("percentile", 99.99)),
    *(("mse", 0.0), ("entropy", 0.0)),
)

Doubles = NDArray[np.float64]


@dataclass(frozen=True)
class _Reader:
    """A layer, with its weight ``[G, O / G, K]``."""

    layer_input: LayerInput
    rows: NDArray[np.float32]


@dataclass(frozen=True)
class _Trial:
    """A value, the parameters to try on it, and the layers that read it.

    ``owner`` is the value whose parameters it shares.
    """

    value: str
    owner: str
    params: Sequence[QParams]
    readers: Sequence[_Reader]


@on_one_blas_thread
def layer_ranges(
    model: ir.Model,
    plan: Plan,
    statistics: Mapping[str, ValueStatistics],
    source: Source,
    progress: Progress,
) -> dict[str, Limits]:
    """Return a range for each value that gives its own parameters, by name.

    Values that share parameters are tried together. What no layer reads counts with its own error.
    Values whose statistics were derived are left out.

    Raises:
        RecordError: the statistics hold no histograms.
        DataError: the model fails on a sample.
    """
    owners = [
        name
        for name, value in plan.values.items()
        if value.params_from == name and name in statistics and not statistics[name].derived
    ]
    limits = {
        name: list(dict.fromkeys(estimate_range(statistics[name], *each) for each in _TRIED).keys())
        for name in owners
    }
    if not limits:
        return {}
    trials = list(_trials(model, plan, limits))
    probed = add_probes(model, (), {}, [trial.value for trial in trials])
    session = open_session(model_to_bytes(probed.model), threads=1, memory="free")
    names = [output.name for output in session.get_outputs()]

    def look(batch: Batch) -> list[Doubles]:
        arrays = run_float(session, names, batch)
        digests = sample_digests(batch)
        return [_errors(trial, arrays[trial.value], digests) for trial in trials]

    sums = [np.zeros((max(1, len(t.readers)), 1 + len(t.params))) for t in trials]
    results = in_parallel(look, batches(source, 1), worker_count(GATHERING))
    for errors in progress(results, len(source), "trying ranges"):
        for total, own in zip(sums, errors, strict=True):
            total += own
    relative = {name: np.zeros(len(tried)) for name, tried in limits.items()}
    for trial, total in zip(trials, sums, strict=True):
        energy = total[:, :1]
        relative[trial.owner] += (total[:, 1:] / np.where(energy > 0, energy, 1)).sum(axis=0)
    return {name: limits[name][int(np.argmin(errors))] for name, errors in relative.items()}


def _trials(
    model: ir.Model, plan: Plan, limits: Mapping[str, Sequence[Limits]]
) -> Iterator[_Trial]:
    nodes = {str(node.name): node for node in all_nodes(model)}
    readers: dict[str, list[_Reader]] = {}
    for layer_input in layer_inputs(model):
        for name in layer_input.nodes:
            weight = constant(nodes[name].inputs[1])
            if name in plan.layers and weight is not None:
                rows = np.moveaxis(weight.astype(np.float32), output_axis(nodes[name]), 0)
                grouped = rows.reshape(layer_input.groups, -1, layer_input.size)
                readers.setdefault(layer_input.value, []).append(_Reader(layer_input, grouped))
    for name, value in plan.values.items():
        if value.params_from in limits:
            tried = limits[value.params_from]
            params = [affine_params(*each, value.scheme, value.bounds) for each in tried]
            yield _Trial(name, value.params_from, params, readers.get(name, ()))


def _errors(trial: _Trial, array: NDArray[np.float32], digests: Sequence[str]) -> Doubles:
    """Return ``[R, 1 + T]``: for each reader the energy of its output, and T squared errors."""
    if not trial.readers:
        kept = array[np.abs(array) < SENTINEL]
        errors = [_energy(_rounding(kept, params)) for params in trial.params]
        return np.array([[_energy(kept), *errors]])
    rows = []
    for reader in trial.readers:
        own = reader.layer_input
        vectors = draw_vectors(array, own, vectors_per_sample(own, USUAL), random_places(digests))
        weight = reader.rows.swapaxes(1, 2)
        errors = [_energy(_rounding(vectors, params) @ weight) for params in trial.params]
        rows.append([_energy(vectors @ weight), *errors])
    return np.array(rows)


def _rounding(array: NDArray[np.float32], params: QParams) -> NDArray[np.float32]:
    return dequantize(quantize(array, params), params) - array


def _energy(array: NDArray[np.float32]) -> float:
    return float(np.square(array, dtype=np.float64).sum())
