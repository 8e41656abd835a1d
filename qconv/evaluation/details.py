"""What the plots of a report show of one variant: weights, the worst tensors, the graph."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from qconv.data.source import Feeds, Sample
from qconv.evaluation.coverage import covered
from qconv.evaluation.graph_picture import graph_picture
from qconv.evaluation.restored import LayerWeight
from qconv.evaluation.worst_tensors import (
    activation_histograms,
    variant_weights,
    weight_histograms,
    weight_ranges,
)
from qconv.graph.model_io import read_model
from qconv.graph.prepare import normalize
from qconv.reporting.contents import FloatOperator, TensorHistogram, WeightRange
from qconv.reporting.picture_data import Picture


@dataclass(frozen=True)
class Details:
    """How the channels of each weight differ, the worst tensors, and the graph."""

    ranges: tuple[WeightRange, ...] = ()
    histograms: tuple[TensorHistogram, ...] = ()
    picture: Picture | None = None


def read_details(
    path: Path,
    floats: Mapping[str, LayerWeight],
    samples: Sequence[Sample],
    assumed: Feeds,
    in_float: Iterable[FloatOperator],
) -> Details:
    """Return the details of a variant.

    Args:
        path: its file.
        floats: the weights of the float model.
        samples: the first of the data; two of them are run.
        assumed: inputs that the samples do not hold.
        in_float: its operators that compute in float.
    """
    model = normalize(read_model(path))
    weights = variant_weights(model)
    histograms = (
        *activation_histograms(path, model, samples, assumed),
        *weight_histograms(floats, weights, covered(model)),
    )
    reasons = {operator.node: operator.reason for operator in in_float}
    return Details(tuple(weight_ranges(weights)), histograms, graph_picture(model, reasons))
