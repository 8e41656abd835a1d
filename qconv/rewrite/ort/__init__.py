"""What only ONNX Runtime reads: operators of its own domain, com.microsoft."""
