"""qconv beside the other float16 converters, on the small graphs of :mod:`benchmarks.half_graphs`.

python -m benchmarks.half_converters [--failures]

Each graph is converted with inputs and outputs in float32 and with both in float16. A file counts
as valid if the ONNX checker passes it with ``full_check``, as loading if ONNX Runtime opens it, and
as right if its outputs are of the right type and as close to the float model's as the table says.
The first failure of each is told with ``--failures``. Patterns of operators to keep in float32 are
given to the others as lists of node names. Each file is tried in a process of its own: some end it.

onnxconverter-common is imported only here; without it, its row says so.
"""

import argparse
import multiprocessing
import re
import tempfile
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort

import qconv
from benchmarks.half_graphs import GRAPHS, HalfGraph
from qconv.recipe.settings import HalfSettings

Convert = Callable[[HalfGraph, Path, Path, bool], None]
_STAGES = ("converted", "valid", "loads", "right")


def _qconv(graph: HalfGraph, source: Path, output: Path, io: bool) -> None:
    settings = HalfSettings("fp16", graph.keep, "fp16" if io else "fp32")
    qconv.convert(source, output, settings=settings)


def _common(graph: HalfGraph, source: Path, output: Path, io: bool) -> None:
    from onnxconverter_common.float16 import convert_float_to_float16

    model = onnx.load(source)
    blocked = {"node_block_list": _blocked(graph, model)} if graph.keep else {}
    onnx.save(convert_float_to_float16(model, keep_io_types=not io, **blocked), output)


def _ort(graph: HalfGraph, source: Path, output: Path, io: bool) -> None:
    from onnxruntime.transformers.float16 import convert_float_to_float16

    model = onnx.load(source)
    blocked = {"node_block_list": _blocked(graph, model)} if graph.keep else {}
    onnx.save(convert_float_to_float16(model, keep_io_types=not io, **blocked), output)


CONVERTERS: dict[str, tuple[str, Convert]] = {
    "qconv": ("qconv", _qconv),
    "onnxconverter-common": ("onnxconverter_common", _common),
    "onnxruntime.transformers": ("onnxruntime", _ort),
}


def _blocked(graph: HalfGraph, model: onnx.ModelProto) -> list[str]:
    names = [node.name for node in model.graph.node]
    return [name for name in names if any(re.search(pattern, name) for pattern in graph.keep)]


def attempt(graph: HalfGraph, convert: Convert, io: bool) -> tuple[set[str], str]:
    """Convert and try one graph; return the stages that it passes, and the first fault."""
    passed: set[str] = set()
    faults = []
    with tempfile.TemporaryDirectory() as name:
        source, output = Path(name) / "float.onnx", Path(name) / "half.onnx"
        onnx.save(graph.model(), source)
        try:
            convert(graph, source, output, io)
        except Exception as error:  # whatever a converter raises
            return passed, _first_line(error)
        passed.add("converted")
        try:
            onnx.checker.check_model(str(output), full_check=True)
            passed.add("valid")
        except Exception as error:  # the checker and shape inference raise different types
            faults.append(_first_line(error))
        try:
            session = _session(output)
            passed.add("loads")
            wrong = _wrong(graph, source, session, io)
        except Exception as error:  # whatever the runtime raises
            wrong = _first_line(error)
    if wrong:
        faults.append(wrong)
    else:
        passed.add("right")
    return passed, "".join(faults[:1])


def _session(path: Path) -> ort.InferenceSession:
    options = ort.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    return ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def _wrong(graph: HalfGraph, source: Path, session: ort.InferenceSession, io: bool) -> str:
    """Return what is wrong with the results, or nothing."""
    reference = _session(source)
    names = [output.name for output in reference.get_outputs()]
    if [output.name for output in session.get_outputs()] != names:
        return "the outputs have other names"
    for feeds in graph.samples():
        half = {k: v.astype(np.float16) if v.dtype == np.float32 else v for k, v in feeds.items()}
        expected = reference.run(None, feeds)
        found = session.run(None, half if io else feeds)
        for name, mine, theirs in zip(names, found, expected, strict=True):
            wanted = np.float16 if io and theirs.dtype == np.float32 else theirs.dtype
            if mine.dtype != wanted or mine.shape != theirs.shape:
                return f"{name}: {mine.dtype}{mine.shape}, not {wanted}{theirs.shape}"
            largest = np.abs(theirs.astype(np.float64)).max(initial=1e-9)
            error = np.abs(mine.astype(np.float64) - theirs).max(initial=0)
            if not error <= graph.tolerance * largest:
                return f"{name}: is wrong by {error / largest:.2g} of the largest"
    return ""


def _first_line(error: Exception) -> str:
    text = re.sub(r"\s+", " ", f"{type(error).__name__}: {error}")
    return text[:150]


def _in_process(index: int, name: str, io: bool) -> tuple[set[str], str]:
    context = multiprocessing.get_context("fork")
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        try:
            return pool.submit(attempt, GRAPHS[index], CONVERTERS[name][1], io).result()
        except BrokenProcessPool:
            return set(), "it ended the process"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--failures", action="store_true", help="tell what went wrong")
    arguments = parser.parse_args()
    cases = [
        (i, io) for i, g in enumerate(GRAPHS) for io in (False, True) if g.casts[io] is not None
    ]
    print(f"{len(GRAPHS)} graphs, {len(cases)} conversions")
    print(f"{'':26}", *(f"{stage:>10}" for stage in _STAGES))
    for name, (package, _) in CONVERTERS.items():
        if find_spec(package) is None:
            print(f"{name:26} is not installed: pip install {name}")
            continue
        results = {case: _in_process(case[0], name, case[1]) for case in cases}
        counts = Counter(stage for passed, _ in results.values() for stage in passed)
        print(f"{name:26}", *(f"{counts[stage]:>10}" for stage in _STAGES))
        if arguments.failures:
            for (index, io), (_, fault) in results.items():
                if fault:
                    print(
                        f"    {GRAPHS[index].name}, {'float16' if io else 'float32'} ports: {fault}"
                    )


if __name__ == "__main__":
    main()
