"""Variants of a model measured beside it."""
