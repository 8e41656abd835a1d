"""Measurements beside the alternatives. Run from the repository: python -m benchmarks.NAME."""
