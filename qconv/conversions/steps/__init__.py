"""The steps of conversions: each says what it needs, and does its part of the work."""
