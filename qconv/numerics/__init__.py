"""Arithmetic on arrays, with NumPy alone."""
