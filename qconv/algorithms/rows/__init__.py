"""Algorithms on weights seen as rows ``[R, K]``: R outputs, K inputs. NumPy alone."""

from qconv.algorithms.rows.quantize import quantize_rows
from qconv.algorithms.rows.settings import Method, RowSettings

__all__ = ["Method", "RowSettings", "quantize_rows"]
