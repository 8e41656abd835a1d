"""Put weights of few bits in the place of float ones, in one of two formats."""
