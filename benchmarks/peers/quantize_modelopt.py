"""Quantize with ModelOpt, as one process to be measured: MODEL FEEDS OUTPUT METHOD.

METHOD is entropy (its default) or max. What stays in float is float32, since the CPU provider
computes float16 in float32. Weights are stored as integers (``dq_only``).
"""

import sys

from modelopt.onnx.quantization import quantize

from benchmarks.peers.feeds import FeedReader


def main() -> None:
    model, folder, output, method = sys.argv[1:]
    quantize(
        onnx_path=model,
        quantize_mode="int8",
        calibration_data_reader=FeedReader(folder),
        calibration_method=method,
        calibration_eps=["cpu"],
        high_precision_dtype="fp32",
        dq_only=True,
        output_path=output,
    )


if __name__ == "__main__":
    main()
