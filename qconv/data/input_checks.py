"""Whether arrays fit a model's inputs: names, element types, shapes and finite values.

Every message names the place in the data, the input, and what the model expects.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping, Sequence
from itertools import islice

import numpy as np

from qconv.data.source import Array, Feeds, TensorSpec
from qconv.errors import DataError

Shape = tuple[int, ...]

_SHOWN = 20
"""Names of a list that a message holds."""


def format_shape(shape: Sequence[int | str | None]) -> str:
    """Return ``[batch, 3, ?]`` for ``("batch", 3, None)``."""
    return f"[{', '.join('?' if axis is None or axis == '' else str(axis) for axis in shape)}]"


def describe(spec: TensorSpec) -> str:
    """Return an input's type and shape as messages print it: ``float32 [batch, 3, 224, 224]``."""
    shape = "of unknown rank" if spec.shape is None else format_shape(spec.shape)
    return f"{spec.dtype} {shape}"


def quoted(names: Collection[str]) -> str:
    """Return ``'a', 'b'``, or ``nothing`` for no names; of many names the first 20."""
    shown = ", ".join(f"'{name}'" for name in islice(names, _SHOWN)) or "nothing"
    return f"{shown} and {len(names) - _SHOWN:,} more" if len(names) > _SHOWN else shown


def nearest(name: str, candidates: Collection[str], cutoff: float = 0.6) -> str | None:
    """Return the candidate most like ``name``, or None where none is close."""
    close = difflib.get_close_matches(name, candidates, n=1, cutoff=cutoff)
    return close[0] if close else None


def checked_label(label: int, where: str) -> int:
    """Return a label that is a number of 64 bits; no model has more classes.

    Raises:
        DataError: it is larger.
    """
    if not -(1 << 63) <= label < 1 << 64:
        raise DataError(f"{where}: the label is a number of {label.bit_length()} bits")
    return label


def check_names(found: Collection[str], inputs: Sequence[TensorSpec], where: str) -> None:
    """Refuse data that lacks one of the model's inputs; further arrays are no error.

    Raises:
        DataError: an input has no array of its name; the hint offers the nearest one found.
    """
    expected = [spec.name for spec in inputs]
    missing = [name for name in expected if name not in found]
    if not missing:
        return
    extra = [name for name in found if name not in expected]
    near = {name: nearest(name, extra) for name in missing}
    renames = [f"rename '{other}' to '{name}'" for name, other in near.items() if other]
    hint = "; ".join(renames) if renames else "name the arrays after the model's inputs"
    raise DataError(
        f"{where}: no array for the model's input {quoted(missing)}; "
        f"found {quoted(found)}; expected {quoted(expected)}",
        hint=hint,
    )


def check_dtype(found: np.dtype[np.generic], spec: TensorSpec, where: str) -> None:
    """Refuse an element type that cannot become the input's without a guess or a loss.

    Allowed are the same type in any byte order, any float for a float (rounded to nearest), and
    an integer or bool for an integer type that holds all its values.

    Raises:
        DataError: any other pair of types.
    """
    wanted = spec.dtype
    if found.newbyteorder("=") == wanted or (found.kind == "f" and wanted.kind == "f"):
        return
    whole = found.kind in "iub"
    if whole and wanted.kind in "iu" and np.can_cast(found, wanted, "safe"):
        return
    if found.kind == "O":
        hint = f"store plain numbers of one shape, as {wanted}"
    elif whole and wanted.kind == "f":
        hint = (
            "qconv does not guess a scale: convert it as the model was trained, "
            f"for instance array.astype(np.{wanted}) / 255"
        )
    elif whole and wanted.kind in "iu":
        hint = f"check that its values fit, and store it as array.astype(np.{wanted})"
    else:
        hint = f"store it as {wanted}"
    raise DataError(
        f"{where}: array '{spec.name}' is {'Python objects' if found.kind == 'O' else found}; "
        f"the model's input '{spec.name}' is {describe(spec)}",
        hint=hint,
    )


def shape_fits(shape: Shape, spec: TensorSpec) -> bool:
    """Tell whether a feed ``shape`` has the input's rank and fixed axes; others may be empty."""
    if spec.shape is None:
        return True
    return len(shape) == len(spec.shape) and all(
        length == axis or not isinstance(axis, int)
        for length, axis in zip(shape, spec.shape, strict=True)
    )


def check_shape(shape: Shape, spec: TensorSpec, where: str) -> None:
    """Refuse a feed whose shape, batch axis included, is not the input's.

    Raises:
        DataError: another rank, or another length of a fixed axis.
    """
    if not shape_fits(shape, spec):
        raise shape_error(shape, spec, where)


def shape_error(
    shape: Shape, spec: TensorSpec, where: str, *, hint: str | None = None
) -> DataError:
    """Return the error that shows an array's shape beside the input's."""
    return DataError(
        f"{where}: array '{spec.name}' has shape {format_shape(shape)}; "
        f"the model's input '{spec.name}' is {describe(spec)}",
        hint=hint,
    )


def check_feed(shapes: Mapping[str, Shape], inputs: Sequence[TensorSpec], where: str) -> None:
    """Refuse a feed without any number, or in which one named axis has two lengths.

    Some inputs may be empty, such as the cache of a decoder that has read nothing yet.

    Args:
        shapes: the feed's shape of each input, already checked one by one.
        inputs: the model's inputs.
        where: place in the data, for the message.

    Raises:
        DataError: all arrays are empty, or a name stands for two lengths.
    """
    if shapes and all(0 in shape for shape in shapes.values()):
        raise DataError(f"{where}: the arrays for the model's inputs are empty")
    known: dict[str, tuple[int, str]] = {}
    for spec in inputs:
        for axis, length in zip(spec.shape or (), shapes[spec.name], strict=False):
            if not isinstance(axis, str) or not axis:
                continue
            first, owner = known.setdefault(axis, (length, spec.name))
            if first != length:
                raise DataError(
                    f"{where}: axis '{axis}' is {first} in input '{owner}' "
                    f"and {length} in input '{spec.name}'",
                    hint="axes with the same name must have the same length in a feed",
                )


def finished(array: Array, spec: TensorSpec, where: str) -> Array:
    """Return ``array`` in the input's element type, contiguous, after a check for NaN and Inf.

    The array itself comes back where there is nothing to convert.

    Raises:
        DataError: an element is NaN or infinite, or becomes so by rounding to the input's type.
    """
    with np.errstate(over="ignore"):
        result = array.astype(spec.dtype, order="C", copy=False)
    if result.dtype.kind == "f" and not np.isfinite(result).all():
        raise _not_finite(array, result, spec, where)
    return result


def _not_finite(array: Array, result: Array, spec: TensorSpec, where: str) -> DataError:
    bad = np.argwhere(~np.isfinite(result))
    position = tuple(int(i) for i in bad[0])
    value = result[position]
    kind = "NaN" if np.isnan(value) else ("Inf" if value > 0 else "-Inf")
    count = "" if len(bad) == 1 else f" ({len(bad)} such elements)"
    if np.isfinite(array[position]):
        return DataError(
            f"{where}: input '{spec.name}' holds {array[position]} at {format_shape(position)}, "
            f"which is {kind} in {spec.dtype}{count}",
            hint=f"bring the values into the range of {spec.dtype}",
        )
    return DataError(
        f"{where}: input '{spec.name}' holds {kind} at {format_shape(position)}{count}",
        hint="remove or correct the sample: one such value spoils every range it reaches",
    )


def fit(arrays: Mapping[str, Array], inputs: Sequence[TensorSpec], where: str) -> Feeds:
    """Return one complete feed for the model, checked and converted.

    Args:
        arrays: one array for each input, all the model's axes in it; more arrays are ignored.
        inputs: the model's inputs.
        where: place in the data, for messages.

    Raises:
        DataError: a name, an element type, a shape or a value does not fit.
    """
    check_names(arrays, inputs, where)
    for spec in inputs:
        check_dtype(arrays[spec.name].dtype, spec, where)
        check_shape(arrays[spec.name].shape, spec, where)
    check_feed({spec.name: arrays[spec.name].shape for spec in inputs}, inputs, where)
    return {spec.name: finished(arrays[spec.name], spec, where) for spec in inputs}
