"""Statistics of values, and ranges read from them."""
