"""What qconv knows of ONNX operators, in one table."""
