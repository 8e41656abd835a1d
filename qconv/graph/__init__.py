"""The only home of ONNX files and graphs: reading, asking, changing, preparing."""
