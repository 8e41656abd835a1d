"""Quantize with NNCF, as one process to be measured: MODEL FEEDS OUTPUT [performance|transformer].

The preset is ``mixed`` (asymmetric activations), which NNCF takes by itself for transformers, or
``performance`` (symmetric), its default for other models.
"""

import sys

import nncf
import onnx

from benchmarks.peers.feeds import read_feeds


def main() -> None:
    model, folder, output, *rest = sys.argv[1:]
    feeds = list(read_feeds(folder))
    presets = nncf.QuantizationPreset
    quantized = nncf.quantize(
        onnx.load(model),
        nncf.Dataset(feeds),
        preset=presets.PERFORMANCE if "performance" in rest else presets.MIXED,
        model_type=nncf.ModelType.TRANSFORMER if "transformer" in rest else None,
        subset_size=len(feeds),
    )
    onnx.save(quantized, output)


if __name__ == "__main__":
    main()
