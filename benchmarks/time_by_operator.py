"""Where the time of a model goes, and of what onnxruntime.quantization makes of it.

python -m benchmarks.time_by_operator MODEL DATA [--format QOperator] [--activations u8]

The model is quantized on eight samples with
``quantize_static``, weights int8 by tensor. Printed are what the report says of the time, and for
each model the sum of the times over the measured latency, with what the profile itself added.
"""

import argparse
import tempfile
from pathlib import Path

from onnxruntime.quantization import QuantFormat, QuantType, quantize_static

import qconv
from benchmarks.peers.feeds import FeedReader, write_feed
from qconv.data import open_data
from qconv.reporting.time_told import time_lines
from qconv.runtime.runner import Runner


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path)
    parser.add_argument("data")
    parser.add_argument("--format", choices=list(QuantFormat.__members__), default="QDQ")
    parser.add_argument("--activations", choices=["u8", "s8"], default="s8")
    chosen = parser.parse_args()
    model, data, form, activations = chosen.model, chosen.data, chosen.format, chosen.activations
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        variant = folder / f"{model.stem}.{form}.{activations}.onnx"
        specs = Runner.open(model, threads=1).specs
        for index, sample in enumerate(open_data([data], specs, samples=8)):
            write_feed(folder, index, dict(sample.feeds))
        quantize_static(
            model,
            variant,
            FeedReader(name),
            quant_format=QuantFormat[form],
            activation_type=QuantType.QInt8 if activations == "s8" else QuantType.QUInt8,
            weight_type=QuantType.QInt8,
        )
        report = qconv.report(model, [variant], data=[data], samples=8)
    print("\n".join(time_lines(report)))
    for each in (report.reference, *report.variants):
        if each.profile is None or each.latency is None:
            continue
        total = sum(kind.ms for kind in each.profile.types) + each.profile.outside_ms
        print(
            f"{each.name}: {total:.4f} ms of {each.latency.median_ms:.4f} ms, in turns "
            f"{each.profile.plain_ms:.4f} ms, with the profile {each.profile.profiled_ms:.4f} ms, "
            f"of which operators have {each.profile.seen_ms:.4f} ms"
        )


if __name__ == "__main__":
    main()
