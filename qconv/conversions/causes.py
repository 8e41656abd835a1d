"""Why a layer of integers loses: what its input and its weight lose by themselves."""

from __future__ import annotations

from typing import Literal

import numpy as np
import onnx_ir as ir

from qconv.conversions.work import Work
from qconv.graph.view import constant
from qconv.numerics.schemes import QParams
from qconv.observers.distribution import Distribution
from qconv.observers.value import ValueStatistics
from qconv.placement.plan import Plan

Cause = Literal["clipped", "few levels", "weights"]


def cause_of(work: Work[Plan], layer: str) -> Cause:
    """Return what a layer loses most by: each error in proportion to what it is an error of.

    ``clipped``: numbers of its input lie beyond the range. ``few levels``: the steps of the range
    are too coarse for its input. ``weights``: so are those of its weights.

    Args:
        work: layers and parameters are known.
        layer: the name of a layer of the plan.
    """
    plan = work.plan.layers[layer]
    params = work.params[work.plan.values[plan.input].params_from]
    losses: dict[Cause, float] = {"weights": _weight_loss(work, layer)}
    if plan.input in work.statistics:
        losses["clipped"], losses["few levels"] = _input_losses(work.statistics[plan.input], params)
    return max(losses, key=lambda cause: losses[cause])


def _input_losses(statistics: ValueStatistics, params: QParams) -> tuple[float, float]:
    """Return the power of clipping and of rounding, over that of the value."""
    seen = Distribution.of(statistics)
    power = float(np.sum(seen.counts * seen.points**2))
    if not power:
        return 0.0, 0.0
    step = float(np.max(params.scale))
    levels = params.scheme.dtype.values
    zero = float(np.max(params.zero_point.astype(np.float64)))
    low, high = (step * (float(end) - zero) for end in (levels.min(), levels.max()))
    beyond = seen.points - np.clip(seen.points, low, high)
    clipped = float(np.sum(seen.counts * beyond**2))
    return clipped / power, float(np.sum(seen.counts[beyond == 0])) * step**2 / 12 / power


def _weight_loss(work: Work[Plan], layer: str) -> float:
    values = ir.convenience.create_value_mapping(work.model.graph)
    weight = constant(values[work.plan.layers[layer].weight])
    if weight is None:
        raise ValueError(f"{layer}: its weight is not a constant")
    exact = weight.astype(np.float64)
    error = work.layers[layer].weight.exact() - exact
    return float(np.sum(error**2) / max(np.sum(exact**2), 1e-300))
