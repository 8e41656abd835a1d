"""Turn a float ONNX model into a smaller, faster one, and prove what it cost.

The functions do in Python what the commands of the same names do::

    import qconv

    record = qconv.calibrate("model.onnx", data=["calibration.npz"])
    qconv.convert("model.onnx", "model.int8.onnx", calibration=record)
    report = qconv.report("model.onnx", ["model.int8.onnx"], data=["test.npz"])

What a conversion will do can be read and changed before it is done::

    plan = qconv.plan("model.onnx").in_float("Gemm_7").with_weights(qconv.INT4, "Conv_3")
    qconv.convert("model.onnx", "model.int8.onnx", calibration=record, plan=plan)

A recipe says all of it, and what has not changed is not done again::

    (report,) = qconv.run("qconv.toml")

They are imported when they are first used, so that importing qconv costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from qconv.version import __version__

if TYPE_CHECKING:
    from qconv.numerics.number_types import INT4, INT7, INT8, INT16, UINT8
    from qconv.numerics.schemes import PerAxis, PerBlock, PerTensor, Scheme
    from qconv.pipeline import (
        Goal,
        calibrate,
        compare,
        convert,
        inspect,
        plan,
        report,
        run,
        sensitivities,
        tune,
    )
    from qconv.placement.targets.table import Target
    from qconv.recipe.settings import (
        DynamicSettings,
        Float32Settings,
        HalfSettings,
        Int8Settings,
        WeightOnlySettings,
    )
    from qconv.reporting.report_schema import report_schema

_HOMES = {
    "qconv.pipeline": (
        "calibrate",
        "compare",
        "convert",
        "inspect",
        "plan",
        "report",
        "run",
        "sensitivities",
        "tune",
    ),
    "qconv.pipeline.goal": ("Goal",),
    "qconv.recipe.settings": (
        *("DynamicSettings", "Float32Settings", "HalfSettings", "Int8Settings"),
        "WeightOnlySettings",
    ),
    "qconv.numerics.number_types": ("INT4", "INT7", "INT8", "INT16", "UINT8"),
    "qconv.numerics.schemes": ("PerAxis", "PerBlock", "PerTensor", "Scheme"),
    "qconv.placement.targets.table": ("Target",),
    "qconv.reporting.report_schema": ("report_schema",),
}
_HOME = {name: home for home, names in _HOMES.items() for name in names}
__all__ = [
    "INT4",
    "INT7",
    "INT8",
    "INT16",
    "UINT8",
    "DynamicSettings",
    "Float32Settings",
    "Goal",
    "HalfSettings",
    "Int8Settings",
    "PerAxis",
    "PerBlock",
    "PerTensor",
    "Scheme",
    "Target",
    "WeightOnlySettings",
    "__version__",
    "calibrate",
    "compare",
    "convert",
    "inspect",
    "plan",
    "report",
    "report_schema",
    "run",
    "sensitivities",
    "tune",
]


def __dir__() -> list[str]:
    return __all__


def __getattr__(name: str) -> object:
    if name in _HOME:
        return getattr(import_module(_HOME[name]), name)
    raise AttributeError(f"module 'qconv' has no attribute '{name}'")
