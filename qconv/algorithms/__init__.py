"""What improves weights and biases."""
