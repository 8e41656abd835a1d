"""Peak memory of converting a large model whose weights lie in a file of their own.

python -m benchmarks.large_model [--megabytes 600] [--products 40] [--dtype fp16]

The model is a chain of equal matrix products with random weights, written one weight at a time
into a temporary folder. The conversion runs in a process of its own, and its largest resident
memory is printed beside the bar.
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper

from benchmarks.processes import measure

BAR_MB = 350
_ROWS = 256
"""Rows of a weight that are made at a time."""


def write_model(path: Path, megabytes: float, products: int) -> int:
    """Write ``x [1, K] -> MatMul(weight [K, K]) -> Relu -> ... -> y [1, K]``; return K."""
    size = int((megabytes * 1e6 / products / 4) ** 0.5)
    data = path.with_name(f"{path.name}.data")
    random = np.random.default_rng(0)
    nodes, weights = [], []
    previous = "x"
    with data.open("wb") as stream:
        for index in range(products):
            name, last = f"weight{index}", index == products - 1
            weights.append(_external(name, size, data.name, stream.tell()))
            for start in range(0, size, _ROWS):
                rows = random.standard_normal((min(_ROWS, size - start), size), np.float32)
                stream.write((rows * np.float32((2 / size) ** 0.5)).tobytes())
            nodes.append(helper.make_node("MatMul", [previous, name], [f"product{index}"]))
            previous = "y" if last else f"activation{index}"
            nodes.append(helper.make_node("Relu", [f"product{index}"], [previous]))
    ports = [helper.make_tensor_value_info(n, TensorProto.FLOAT, [1, size]) for n in ("x", "y")]
    graph = helper.make_graph(nodes, "chain", ports[:1], ports[1:], weights)
    opsets = [helper.make_opsetid("", 17)]
    onnx.save_model(helper.make_model(graph, opset_imports=opsets, ir_version=8), path)
    return size


def _external(name: str, size: int, location: str, offset: int) -> onnx.TensorProto:
    tensor = TensorProto(
        name=name,
        data_type=TensorProto.FLOAT,
        dims=[size, size],
        data_location=TensorProto.EXTERNAL,
    )
    for key, value in (("location", location), ("offset", offset), ("length", size * size * 4)):
        tensor.external_data.add(key=key, value=str(value))
    return tensor


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--megabytes", type=float, default=600)
    parser.add_argument("--products", type=int, default=40)
    parser.add_argument("--dtype", default="fp16", help="further options may follow, quoted")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        model, output = folder / "model.onnx", folder / "half.onnx"
        write_model(model, arguments.megabytes, arguments.products)
        command = ["-m", "qconv", "convert", str(model), "--dtype", *arguments.dtype.split(), "-q"]
        cost = measure([*command, "-o", str(output)])
        before, after = (sum(f.stat().st_size for f in folder.glob(f"{n}*")) for n in ("m", "h"))
    print(f"{before / 1e6:.0f} MB to {after / 1e6:.0f} MB in {cost.wall:.1f} s")
    print(f"peak memory {cost.memory:.0f} MB (bar: {BAR_MB} MB for a model of 600 MB)")


if __name__ == "__main__":
    main()
