"""Algorithms on weights seen as rows ``[R, K]``: R outputs, K inputs. NumPy alone."""

from qconv.algorithms.rows.factor import shrunk
from qconv.algorithms.rows.limits import Limits
from qconv.algorithms.rows.quantize import quantize_rows
from qconv.algorithms.rows.row_settings import BY_MOMENTS, Method, RowSettings, Solver

__all__ = [
    "BY_MOMENTS",
    "Limits",
    "Method",
    "RowSettings",
    "Solver",
    "quantize_rows",
    "shrunk",
]
