"""Algorithms on weights seen as rows ``[R, K]``: R outputs, K inputs. NumPy alone."""

from qconv.algorithms.rows.factor import shrunk
from qconv.algorithms.rows.gptq import gptq
from qconv.algorithms.rows.pairs import Pairs
from qconv.algorithms.rows.quantize import quantize_rows
from qconv.algorithms.rows.settings import Method, RowSettings

__all__ = ["Method", "Pairs", "RowSettings", "gptq", "quantize_rows", "shrunk"]
