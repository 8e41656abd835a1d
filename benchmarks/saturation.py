"""What 16-bit saturation on x64 CPUs without VNNI does to INT8 files, and what avoiding it costs.

python -m benchmarks.saturation MODEL CALIBRATION.npz TEST.npz [--images 50]

Converts MODEL with --portable, --reduce-range, and neither; then, for each file, what the lint of
``qconv report`` says, whether the emulation agrees with it layer by layer, whether the emulation
gives the runtime's bits on this CPU, and top-1 and SQNR of the logits as emulated on CPUs without
and with VNNI.
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from benchmarks.emulation import Array, Emulator, product
from qconv.evaluation.portability import integer_rows, layer_risks
from qconv.graph.model_io import read_model
from qconv.graph.prepare import normalize
from qconv.numerics.metrics import Sqnr
from qconv.runtime.machine import has_vnni
from qconv.runtime.session import open_session

FORMS = {"--portable": [], "--reduce-range": ["--reduce-range"], "--no-portable": ["--no-portable"]}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("model", type=Path)
    parser.add_argument("calibration")
    parser.add_argument("test")
    parser.add_argument("--images", type=int, default=50)
    arguments = parser.parse_args()
    data = np.load(arguments.test)
    name = next(key for key in data.files if key != "labels")
    chosen = np.linspace(0, len(data["labels"]) - 1, arguments.images).astype(int)
    images, labels = data[name][chosen], data["labels"][chosen]
    session = open_session(arguments.model)
    wanted = np.concatenate([session.run(None, {name: row[None]})[0] for row in images])
    print(f"float: top-1 {100 * np.mean(wanted.argmax(1) == labels):.1f} % of {len(labels)} images")
    with tempfile.TemporaryDirectory() as folder:
        for form, options in FORMS.items():
            path = Path(folder) / "model.onnx"
            line = ["convert", str(arguments.model), "--dtype", "int8", "-q", "-f", "-o", str(path)]
            command = [sys.executable, "-m", "qconv", *line, "--data", arguments.calibration]
            subprocess.run([*command, *options], check=True)
            print(f"\n{form}")
            _lint(path)
            _emulate(path, name, images, labels, wanted)


def _lint(path: Path) -> None:
    model = normalize(read_model(path))
    risks = list(layer_risks(model))
    pairs, risky = sum(r.pairs for r in risks), sum(r.risky for r in risks)
    agree = sum(
        disagreements(rows) == risk.risky
        for risk, (_, rows) in zip(risks, integer_rows(model), strict=True)
    )
    layers = sum(risk.risky > 0 for risk in risks)
    print(
        f"  lint: {risky} of {pairs} pairs at risk ({100 * risky / pairs:.2f} %), {layers} layers"
    )
    print(f"  lint and emulation agree on {agree} of {len(risks)} layers")


def disagreements(rows: Array) -> int:
    """Return in how many pairs of ``[O, K]`` the largest activations make the kernels differ.

    Each pair is tried alone, with 255 for both of its activations.
    """
    width = rows.shape[1] + rows.shape[1] % 2
    a = np.kron(np.eye(width // 2, dtype=np.uint8), np.full((1, 2), 255, np.uint8))
    a = a[:, : rows.shape[1]]
    wrong = product(a, rows, saturating=True) != product(a, rows, saturating=False)
    return int(np.count_nonzero(wrong))


def _emulate(path: Path, name: str, images: Array, labels: Array, wanted: Array) -> None:
    for saturating in (True, False):
        emulator = Emulator(path, saturating)
        logits = np.concatenate([emulator.outputs({name: row[None]})[0] for row in images])
        sqnr = Sqnr()
        sqnr.update(wanted, logits)
        top1 = 100 * np.mean(logits.argmax(1) == labels)
        line = f"top-1 {top1:.1f} %, SQNR {sqnr.result:.1f} dB"
        if saturating is (has_vnni() is False):
            session = open_session(path)
            real = np.concatenate([session.run(None, {name: row[None]})[0] for row in images])
            same = np.sum((real == logits).all(axis=1))
            line += f"; {same} of {len(images)} outputs of the runtime here are the same bits"
        print(f"  {'without' if saturating else 'with   '} VNNI: {line}")


if __name__ == "__main__":
    main()
