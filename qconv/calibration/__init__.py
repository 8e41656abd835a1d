"""One pass over data, its record on disk, and parameters read from it."""
