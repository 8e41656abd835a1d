"""Whether two checkouts write the same files: for changes that must change no model.

python -m benchmarks.same_files OLD [--new CHECKOUT] MODEL=DATA [MODEL=DATA ...]
    [--samples N] [--few] [--only TEXT]

OLD and CHECKOUT (this one by default) are folders with a package qconv. Each model is converted
by both, in every type, mode and effort (``--few`` leaves out what takes long), and the files are
compared to the byte, side files too. The entries of a model's metadata that quote its settings and
record are left out of it. What one of them refuses, the other has to refuse in the same words.
Ends with 1 if anything differs.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import onnx

_ROOT = Path(__file__).resolve().parent.parent
_QUOTING = {"qconv.settings", "qconv.record"}
_STATIC = "--dtype int8"
_WEIGHTS = ("int8 --mode weight-only", "uint8", "int4", "uint4", "int3", "int2", "uint2",
            "ternary", "binary", "fp8e4m3", "fp8e5m2")  # fmt: skip
CALIBRATED = (
    _STATIC,
    f"{_STATIC} --effort fast",
    f"{_STATIC} --method minmax --no-portable",
    f"{_STATIC} --weights int4 --format qdq",
    f"{_STATIC} --activations int8 --granularity tensor",
    f"{_STATIC} --activations int16 --effort fast",
    f"{_STATIC} --equalize on --smooth 0.5 --reduce-range",
    "--dtype fp16",
    "--dtype int4 --algorithm gptq --embeddings float",
)
"""Options of conversions that learn from data."""
SLOW = (
    f"{_STATIC} --effort best",
    f"{_STATIC} --method layers --effort fast",
    f"{_STATIC} --method percentile --percentile 99.9 --algorithm adaround",
    f"{_STATIC} --method entropy --float-layers 1 --no-bias-correction",
    f"{_STATIC} --method mse --smooth off --equalize off",
    "--dtype int4 --algorithm awq --sequential",
    "--dtype int3 --algorithm adaround --block-size 32",
)
PLAIN = (
    "--dtype int8 --mode dynamic",
    *(f"--dtype {dtype}" for dtype in _WEIGHTS),
    "--dtype fp16 --io fp16",
    "--dtype bf16",
    "--dtype bf16 --storage-only",
)
"""Options of conversions that need no data."""
ROUNDED = (
    "--dtype int8 --mode dynamic --no-portable --embeddings float",
    "--dtype int4 --algorithm rtn --format qdq --granularity channel",
    "--dtype int4 --algorithm hqq --external-data always",
)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("old", type=Path)
    parser.add_argument("models", nargs="+", metavar="MODEL=DATA")
    parser.add_argument("--new", type=Path, default=_ROOT)
    parser.add_argument("--samples", type=int, default=8)
    parser.add_argument("--few", action="store_true")
    parser.add_argument("--only", default="", help="options that hold this text")
    given = parser.parse_args()
    total = different = 0
    for pair in given.models:
        model, _, data = pair.partition("=")
        for options in _lines(data, given.samples, few=given.few):
            if given.only not in options:
                continue
            total += 1
            found = _compared(given.old, given.new, model, options)
            different += found.startswith("DIFFERENT")
            print(f"{Path(model).stem:24} {options:60.60} {found}", flush=True)
    print(f"{total} conversions, {different} different")
    sys.exit(1 if different else 0)


def _lines(data: str, samples: int, *, few: bool) -> Iterator[str]:
    for options in (*CALIBRATED, *(() if few else SLOW)):
        yield f"{options} --data {data} --samples {samples}"
    yield from PLAIN
    yield from () if few else ROUNDED


def _compared(old: Path, new: Path, model: str, options: str) -> str:
    with tempfile.TemporaryDirectory() as folder:
        results = []
        for name, checkout in (("old", old), ("new", new)):
            output = Path(folder) / name / "out.onnx"
            output.parent.mkdir()
            code, said = _convert(checkout, model, options, output)
            if output.exists() == bool(code):
                return f"DIFFERENT: exit code {code} and {'a' if code == 0 else 'no'} file"
            results.append((code, said if code else "", _content(output) if code == 0 else {}))
        (code, said, written), (other, says, writes) = results
        if (code, said) != (other, says):
            return f"DIFFERENT: {code} {said} / {other} {says}"
        if written != writes:
            return "DIFFERENT"
        return f"refused: {said}"[:120] if code else "same"


def _convert(checkout: Path, model: str, options: str, output: Path) -> tuple[int, str]:
    """Return the exit code and the error in one line."""
    line = [sys.executable, "-P", "-m", "qconv", "convert", model, *options.split(), "-q"]
    done = subprocess.run(
        [*line, "-o", str(output)],
        env={**os.environ, "PYTHONPATH": str(checkout.resolve())},
        capture_output=True,
        text=True,
        check=False,
    )
    told = [line for line in done.stderr.splitlines() if line.startswith("qconv: error: ")]
    return done.returncode, " ".join(told).removeprefix("qconv: error: ")


def _content(path: Path) -> Mapping[str, bytes]:
    model = onnx.load(path, load_external_data=False)
    kept = [entry for entry in model.metadata_props if entry.key not in _QUOTING]
    del model.metadata_props[:]
    model.metadata_props.extend(kept)
    files = {file.name: file.read_bytes() for file in path.parent.iterdir() if file != path}
    return {**files, path.name: model.SerializeToString(deterministic=True)}


if __name__ == "__main__":
    main()
