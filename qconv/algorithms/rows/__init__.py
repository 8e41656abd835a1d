"""Algorithms on weights seen as rows ``[R, K]``: R outputs, K inputs. NumPy alone."""

from qconv.algorithms.rows.factor import shrunk
from qconv.algorithms.rows.pairs import Pairs
from qconv.algorithms.rows.quantize import improve_rows, quantize_rows
from qconv.algorithms.rows.settings import BY_MOMENTS, Method, RowSettings, Solver

__all__ = [
    "BY_MOMENTS",
    "Method",
    "Pairs",
    "RowSettings",
    "Solver",
    "improve_rows",
    "quantize_rows",
    "shrunk",
]
