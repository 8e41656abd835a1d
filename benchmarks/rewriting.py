"""Time of preparing, placing and rewriting a chain of convolutions, by its length.

python -m benchmarks.rewriting [NODES ...]

The statistics are made up, and neither the runtime nor the checker takes part: what is timed is
qconv's own work on the graph.
"""

import sys
import time

import numpy as np
import onnx
import onnx.parser
import onnx_ir as ir

from qconv.calibration.record import Record
from qconv.conversions.static import StaticInt8
from qconv.conversions.work import Work
from qconv.graph.prepare import prepare
from qconv.observers.value import ValueStatistics
from qconv.placement.observed import quantizable_values
from qconv.placement.place import place
from qconv.placement.targets.ort_cpu import ORT_CPU
from qconv.recipe.settings import Int8Settings


def chain(nodes: int) -> ir.Model:
    """Return Conv + Relu, again and again, each with weights of its own."""
    random = np.random.default_rng(0)
    layers = range(nodes // 2)
    steps = [("x" if i == 0 else f"r{i - 1}", i) for i in layers]
    body = " ".join(f"c{i} = Conv({read}, w{i}) r{i} = Relu(c{i})" for read, i in steps)
    weights = ", ".join(f"float[4,4,1,1] w{i}" for i in layers)
    model = onnx.parser.parse_model(
        '<ir_version: 8, opset_import: ["" : 17]> '
        f"g (float[N,4,4,4] x) => (float[N,4,4,4] r{len(layers) - 1}) <{weights}> {{ {body} }}"
    )
    for i in layers:
        array = random.normal(size=(4, 4, 1, 1)).astype(np.float32)
        model.graph.initializer.append(onnx.numpy_helper.from_array(array, f"w{i}"))
    return ir.from_proto(model)


def measure(nodes: int) -> float:
    """Return processor seconds."""
    model = chain(nodes)
    start = time.process_time()
    model = prepare(model)
    plan = place(model, ORT_CPU)
    random = np.random.default_rng(1)
    statistics = {}
    for value in quantizable_values(plan):
        statistics[value.name] = ValueStatistics()
        data = random.normal(size=(1, 4, 16)).astype(np.float32)
        statistics[value.name].update(data, value.channel_axis, value.ranges_axis, histogram=True)
    record = Record("", "ort-cpu", "histogram", frozenset(), {}, statistics, {}, {})
    kind = StaticInt8(Int8Settings(activations="uint8", portable=True, format="operator"), ORT_CPU)
    work = Work(model, plan, kind.settings)
    work.learn(record)
    for step in kind.steps(plan):
        step.apply(work)
    return time.process_time() - start


if __name__ == "__main__":
    measure(10)
    for count in [int(word) for word in sys.argv[1:]] or [500, 1000, 2000, 5000, 10000]:
        seconds = measure(count)
        print(f"{count:6} nodes {seconds:7.2f} s {seconds / count * 1e3:7.2f} ms a node")
