"""What the plots of a report show of one variant: its weights, and its worst tensors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from qconv.data.source import Feeds, Sample
from qconv.evaluation.coverage import covered
from qconv.evaluation.restored import LayerWeight
from qconv.evaluation.tensors import (
    activation_histograms,
    float_weights,
    variant_weights,
    weight_histograms,
    weight_ranges,
)
from qconv.graph.model_io import read_model
from qconv.graph.prepare import normalize
from qconv.reporting.contents import TensorHistogram, WeightRange


@dataclass(frozen=True)
class Details:
    """How the channels of each weight differ, and the histograms of the worst tensors."""

    ranges: tuple[WeightRange, ...] = ()
    histograms: tuple[TensorHistogram, ...] = ()


def read_details(
    reference: Path, variants: Sequence[Path], samples: Sequence[Sample], assumed: Feeds
) -> list[Details]:
    """Return the details of each variant.

    Args:
        reference: the float model.
        variants: its variants.
        samples: the first of the data; two of them are run.
        assumed: inputs that the samples do not hold.
    """
    floats = float_weights(read_model(reference))
    return [_details(path, floats, samples, assumed) for path in variants]


def _details(
    path: Path, floats: Mapping[str, LayerWeight], samples: Sequence[Sample], assumed: Feeds
) -> Details:
    model = normalize(read_model(path))
    weights = variant_weights(model)
    histograms = (
        *activation_histograms(path, model, samples, assumed),
        *weight_histograms(floats, weights, covered(model)),
    )
    return Details(tuple(weight_ranges(weights)), histograms)
