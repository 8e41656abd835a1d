"""Use an installed qconv: commands, Python functions and the HTML page, on a model in this folder.

scripts/try_wheel.py runs it with the Python of a fresh environment.
"""

from __future__ import annotations

import subprocess
import sys
from importlib import metadata
from pathlib import Path

import qconv

QCONV = Path(sys.executable).with_name("qconv")
FLOAT = "model.onnx"


def run(*words: str) -> str:
    """Run a command of qconv; return what it printed, or end the process with that."""
    done = subprocess.run([QCONV, *words], capture_output=True, text=True)
    if done.returncode:
        sys.exit(
            f"qconv {' '.join(words)}: exit code {done.returncode}\n{done.stdout}{done.stderr}"
        )
    return done.stdout


def expect(holds: bool, what: str) -> None:
    """End the process unless something holds."""
    if not holds:
        sys.exit(f"expected: {what}")


def commands() -> None:
    """Inspect, convert and report, on the command line."""
    version = metadata.version("qconv")
    expect(run("--version") == f"qconv, version {version}\n", f"version {version}")
    expect("Conv" in run("inspect", FLOAT), "the operators of the model")
    run("convert", FLOAT, "--data", "calibration.npz", "-o", "model.int8.onnx")
    gates = ["--fail-if", "top1_drop > 1.0", "--fail-if", "size_ratio > 0.40"]
    run("report", FLOAT, "model.int8.onnx", "--data", "test.npz", *gates, "--html", "page.html")
    expect("<svg" in Path("page.html").read_text(encoding="utf-8"), "a page with drawings")


def functions() -> None:
    """Convert and report, in Python."""
    package = Path(qconv.__file__).parent
    expect(package.is_relative_to(sys.prefix), f"qconv below {sys.prefix}, not {package}")
    expect((package / "py.typed").is_file(), "py.typed beside the package")
    qconv.convert(FLOAT, dtype="fp16", output="model.fp16.onnx")
    report = qconv.report(FLOAT, ["model.fp16.onnx"], data="test.npz")
    drop = report.variants[0].metrics["top1_drop"]
    expect(abs(drop) < 0.5, f"FP16 as exact as float, not a drop of {drop}")


if __name__ == "__main__":
    commands()
    functions()
