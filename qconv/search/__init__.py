"""Searching plans: pure functions of measured costs and losses, which know no model."""
