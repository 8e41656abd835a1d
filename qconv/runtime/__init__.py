"""The only home of ONNX Runtime: sessions, runs, latency, fusion audit."""
