"""Affine quantization of arrays: ``real = scale * (quantized - zero_point)``. NumPy only."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from qconv.numerics.number_types import NumberType
from qconv.numerics.schemes import PerAxis, QParams, Scheme

Floats = NDArray[np.floating]

MIN_SCALE = 2.0**-60
"""A floor for scales, so that products of two scales stay normal float32 numbers."""

UNBOUNDED = (-np.inf, np.inf)


def affine_params(
    low: float, high: float, scheme: Scheme, bounds: tuple[float, float] = UNBOUNDED
) -> QParams:
    """Return scale ``[]`` and zero point ``[]`` that cover ``[low, high]`` and hold zero exactly.

    A range that leaves out zero is widened to it: padding and Relu need an exact zero. No number
    that can be represented lies outside ``bounds``, which hold zero: then a Clip to them changes
    nothing and can be left out. For that, the outermost step of the range may be given up.

    Raises:
        ValueError: the range is not finite, or upside down.
    """
    if not (np.isfinite(low) and np.isfinite(high) and low <= high):
        raise ValueError(f"not a range: [{low}, {high}]")
    low, high = max(min(low, 0.0), bounds[0]), min(max(high, 0.0), bounds[1])
    dtype = scheme.dtype
    if scheme.symmetric:
        scale = max(-low, high) / dtype.qmax
        zero_point = 0
    else:
        scale = (high - low) / (dtype.qmax - dtype.qmin)
        zero_point = 0 if scale == 0 else round(dtype.qmin - low / scale)
    if scale < MIN_SCALE:
        scale = 1.0 if scale == 0 else MIN_SCALE
        zero_point = dtype.qmin if low == 0 and not scheme.symmetric else 0
    zero_point = min(max(zero_point, dtype.qmin), dtype.qmax)
    if bounds != UNBOUNDED and not scheme.symmetric:
        scale, zero_point = _inside(low, high, bounds, scale, dtype)
    return QParams(
        scheme, np.asarray(scale, np.float32), np.asarray(zero_point, scheme.dtype.numpy)
    )


def _inside(
    low: float, high: float, bounds: tuple[float, float], scale: float, dtype: NumberType
) -> tuple[float, int]:
    """Return the scale and zero point inside ``bounds`` that miss least of ``[low, high]``."""
    exact = dtype.qmin - low / scale
    candidates: list[tuple[float, int, float]] = []
    for rounded in (np.floor(exact), np.ceil(exact)):
        zero_point = min(max(int(rounded), dtype.qmin), dtype.qmax)
        steps = dtype.qmin - zero_point, dtype.qmax - zero_point
        fitted = np.float32(
            min(scale, *(_largest_scale(*pair) for pair in zip(bounds, steps, strict=True)))
        )
        while (
            fitted * np.float32(steps[0]) < bounds[0] or fitted * np.float32(steps[1]) > bounds[1]
        ):
            fitted = np.nextafter(fitted, np.float32(0))
        missed = max(float(fitted) * steps[0] - low, high - float(fitted) * steps[1])
        candidates.append((missed, zero_point, float(fitted)))
    _, best, fitted_scale = min(candidates)
    return fitted_scale, best


def _largest_scale(bound: float, steps: int) -> float:
    return bound / steps if steps else float("inf")


def row_scales(rows: Floats, highest: float) -> NDArray[np.float32]:
    """Return the scale ``[R]`` with which the largest magnitude of each row ``[R, K]`` is
    ``highest``; 1 for rows of zeros.
    """
    largest = np.abs(rows).max(axis=1, initial=0.0)
    scale = (largest / highest).astype(np.float32)
    return np.where(scale > 0, np.maximum(scale, np.float32(MIN_SCALE)), np.float32(1))


def quantize(array: Floats, params: QParams) -> NDArray[np.generic]:
    """Round half to even and saturate: ``clip(round(x / scale) + zero_point)``."""
    dtype = params.scheme.dtype
    scale, zero_point = _aligned(params, array.ndim)
    steps = np.rint(array / scale) + zero_point
    quantized: NDArray[np.generic] = np.clip(steps, dtype.qmin, dtype.qmax).astype(dtype.numpy)
    return quantized


def dequantize(array: NDArray[np.generic], params: QParams) -> NDArray[np.float32]:
    """Return ``scale * (quantized - zero_point)`` in float32."""
    scale, zero_point = _aligned(params, array.ndim)
    return ((array.astype(np.float32) - zero_point) * scale).astype(np.float32)


def _aligned(params: QParams, ndim: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    zero_point = params.zero_point.astype(np.float32)
    if not isinstance(params.scheme.granularity, PerAxis):
        return params.scale, zero_point
    shape = [1] * ndim
    shape[params.scheme.granularity.axis] = -1
    return params.scale.reshape(shape), zero_point.reshape(shape)
