"""What is quantized: target tables, rules and the Plan."""
