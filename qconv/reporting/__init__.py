"""Reports, gates and their views; knows no ONNX."""
