"""Turn a float ONNX model into a smaller, faster one, and prove what it cost.

The functions do in Python what the commands of the same names do::

    import qconv

    record = qconv.calibrate("model.onnx", data=["calibration.npz"])
    qconv.convert("model.onnx", "model.int8.onnx", calibration=record)
    report = qconv.report("model.onnx", ["model.int8.onnx"], data=["test.npz"])

They are imported when they are first used, so that importing qconv costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from qconv.version import __version__

if TYPE_CHECKING:
    from qconv.pipeline import calibrate, compare, convert, inspect, report
    from qconv.recipe.settings import (
        DynamicSettings,
        Float32Settings,
        HalfSettings,
        Int8Settings,
        WeightOnlySettings,
    )

__all__ = [
    "DynamicSettings",
    "Float32Settings",
    "HalfSettings",
    "Int8Settings",
    "WeightOnlySettings",
    "__version__",
    "calibrate",
    "compare",
    "convert",
    "inspect",
    "report",
]
_SETTINGS = (
    "DynamicSettings",
    "Float32Settings",
    "HalfSettings",
    "Int8Settings",
    "WeightOnlySettings",
)


def __getattr__(name: str) -> object:
    if name in __all__:
        home = "qconv.recipe.settings" if name in _SETTINGS else "qconv.pipeline"
        return getattr(import_module(home), name)
    raise AttributeError(f"module 'qconv' has no attribute '{name}'")
