"""Models as today's exporters write them, converted to every type."""
