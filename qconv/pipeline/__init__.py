"""The whole story: inspect, plan, calibrate, convert, compare, report, and all of it in one run.

These are the public functions of qconv; the commands of the same names only read options and
print what comes back. Each is imported when it is first used: calibration needs nothing of reports.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from qconv.data.loops import OpenData as OpenData
    from qconv.pipeline.arguments import Data as Data
    from qconv.pipeline.calibration import calibrate as calibrate
    from qconv.pipeline.comparison import compare as compare
    from qconv.pipeline.comparison import report as report
    from qconv.pipeline.conversion import convert as convert
    from qconv.pipeline.conversion import plan as plan
    from qconv.pipeline.goal import Goal as Goal
    from qconv.pipeline.inspection import Inspection as Inspection
    from qconv.pipeline.inspection import inspect as inspect
    from qconv.pipeline.running import run as run
    from qconv.pipeline.sensitivity import Sensitivity as Sensitivity
    from qconv.pipeline.sensitivity import sensitivities as sensitivities
    from qconv.pipeline.tuning import Tuned as Tuned
    from qconv.pipeline.tuning import tune as tune
    from qconv.pipeline.writing import Conversion as Conversion

_HOMES = {
    "arguments": ("Data", "OpenData"),
    "calibration": ("calibrate",),
    "comparison": ("compare", "report"),
    "conversion": ("convert", "plan"),
    "goal": ("Goal",),
    "inspection": ("Inspection", "inspect"),
    "running": ("run",),
    "sensitivity": ("Sensitivity", "sensitivities"),
    "tuning": ("Tuned", "tune"),
    "writing": ("Conversion",),
}
_HOME = {name: home for home, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> object:
    if name in _HOME:
        return getattr(import_module(f"qconv.pipeline.{_HOME[name]}"), name)
    raise AttributeError(f"module 'qconv.pipeline' has no attribute '{name}'")
