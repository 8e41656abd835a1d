"""Search with NNCF's accuracy control: MODEL FEEDS OUTPUT METRIC LEAST.

METRIC is FILE:FUNCTION, called as function(outputs, sample, reference), as qconv does; LEAST is
what its mean over the feeds has to be. Layers go back to float until it is.
"""

from __future__ import annotations

import runpy
import sys
from collections.abc import Iterable
from types import SimpleNamespace

import nncf
import onnx
import onnxruntime as ort

from benchmarks.peers.feeds import Feed, read_feeds


def main() -> None:
    path, folder, output, metric, least = sys.argv[1:]
    file, _, name = metric.rpartition(":")
    judge = runpy.run_path(file)[name]
    feeds = list(read_feeds(folder))
    exact = {id(feed): found for feed, found in zip(feeds, _run(path, feeds), strict=True)}

    def validate(model: onnx.ModelProto, data: Iterable[Feed]) -> tuple[float, list[float]]:
        given = list(data)
        scores = [
            judge(found, SimpleNamespace(feeds=feed, label=None), exact[id(feed)])
            for feed, found in zip(given, _run(model.SerializeToString(), given), strict=True)
        ]
        return sum(scores) / len(scores), scores

    data = nncf.Dataset(feeds)
    found = nncf.quantize_with_accuracy_control(
        onnx.load(path),
        data,
        data,
        validate,
        max_drop=100 - float(least),
        preset=nncf.QuantizationPreset.MIXED,
        subset_size=len(feeds),
    )
    onnx.save(found, output)


def _run(model: str | bytes, feeds: list[Feed]) -> list[Feed]:
    options = ort.SessionOptions()
    options.log_severity_level = 4
    session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    names = [port.name for port in session.get_outputs()]
    return [dict(zip(names, session.run(names, feed), strict=True)) for feed in feeds]


if __name__ == "__main__":
    main()
