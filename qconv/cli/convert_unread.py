"""Which options of ``qconv convert`` nothing would read, given the others."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Sequence

from qconv.cli.activation_options import ACTIVATION_PARAMETERS
from qconv.cli.data_options import DataArguments
from qconv.cli.int8_options import INT8_PARAMETERS
from qconv.cli.weight_options import WEIGHT_PARAMETERS

_ALSO_STATIC = ("algorithm", "granularity", "embeddings", "output_format")
"""Options for weights alone that static INT8 reads, too."""


def unread_options(
    dtypes: Sequence[str],
    weight_only: Collection[str],
    data: bool,
    method: str,
    external_data: str | None,
    *,
    dynamic: bool = False,
) -> dict[str, str]:
    """Return the parameters that nothing would read, and what the option of each goes with."""
    unread: dict[str, str] = {}
    if not weight_only:
        where = "weights alone: --dtype int4, or --dtype int8 --mode weight-only"
        unread |= dict.fromkeys(WEIGHT_PARAMETERS, where)
        also = "--dtype int8 --mode static, or weights alone: --dtype int4"
        unread |= dict.fromkeys(_ALSO_STATIC, also)
        if "int8" in dtypes:
            for name in ("embeddings",) if dynamic else _ALSO_STATIC:
                unread.pop(name)
    if "int8" not in dtypes or "int8" in weight_only:
        where = "--mode static" if "int8" in dtypes else "--dtype int8"
        unread |= dict.fromkeys((*INT8_PARAMETERS, *ACTIVATION_PARAMETERS), where)
        if not weight_only:
            unread["bias_correction"] = where
    elif dynamic:
        static = {*INT8_PARAMETERS, *ACTIVATION_PARAMETERS} - {"portable"}
        unread |= dict.fromkeys(static, "--mode static")
        if not weight_only:
            unread["bias_correction"] = "--mode static"
    elif method != "percentile":
        unread["percentile"] = "--method percentile"
    if not {"fp16", "bf16"}.intersection(dtypes):
        unread |= {"keep_float": "--dtype fp16 or bf16", "storage_only": "--dtype bf16"}
    elif "bf16" not in dtypes:
        unread["storage_only"] = "--dtype bf16"
    if tuple(dtypes) == ("fp32",):
        unread |= dict.fromkeys(("data", "calibration"), "--dtype int8, fp16 or bf16")
    elif dynamic and set(dtypes) <= {"int8", "fp32"}:
        unread |= dict.fromkeys(("data", "calibration"), "--mode static")
    if not data:
        names = (field.name for field in dataclasses.fields(DataArguments) if field.name != "data")
        unread |= dict.fromkeys((*names, "batch_size"), "--data")
    if external_data == "never":
        unread["external_data_name"] = "--external-data always or auto"
    if external_data in ("always", "never"):
        unread["external_data_size"] = "--external-data auto"
    return unread
