"""Search with NNCF's accuracy control: MODEL FEEDS OUTPUT METRIC LEAST.

METRIC is FILE:FUNCTION, called as function(outputs, sample, reference), as qconv does; LEAST is
what its mean over the feeds has to be. Layers go back to float until it is.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable

import nncf
import onnx

from benchmarks.peers.closeness import Closeness
from benchmarks.peers.feeds import Feed, read_feeds


def main() -> None:
    path, folder, output, metric, least = sys.argv[1:]
    feeds = list(read_feeds(folder))
    closeness = Closeness(metric, path, feeds)
    places = {id(feed): place for place, feed in enumerate(feeds)}

    def validate(model: onnx.ModelProto, data: Iterable[Feed]) -> tuple[float, list[float]]:
        scores = closeness.scores(model.SerializeToString())
        own = [scores[places[id(feed)]] for feed in data]
        return sum(own) / len(own), own

    found = nncf.quantize_with_accuracy_control(
        onnx.load(path),
        nncf.Dataset(feeds),
        nncf.Dataset(feeds),
        validate,
        max_drop=100 - float(least),
        preset=nncf.QuantizationPreset.MIXED,
        subset_size=len(feeds),
    )
    onnx.save(found, output)


if __name__ == "__main__":
    main()
