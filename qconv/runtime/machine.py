"""What measurements depend on: the runtime and the processor."""

from __future__ import annotations

import platform
import subprocess
from importlib.metadata import version
from pathlib import Path

import numpy as np
import onnxruntime as ort


def runtime_version() -> str:
    """Return the runtime's name and version."""
    return f"onnxruntime {ort.__version__}"


def library_versions() -> dict[str, str]:
    """Return the versions of the libraries that a calibration's numbers come from."""
    return {"onnxruntime": ort.__version__, "numpy": np.__version__}


def versions() -> dict[str, str]:
    """Return the versions of everything that a report's numbers come from."""
    found = {name: version(name) for name in ("onnx", "onnx-ir")}
    system = f"{platform.system()} {platform.machine()}"
    return {"python": platform.python_version(), **library_versions(), **found, "system": system}


def cpu_name(cpuinfo: Path = Path("/proc/cpuinfo")) -> str:
    """Return the processor's model name, or its architecture where the system hides the name."""
    if platform.system() == "Darwin":
        name = _sysctl("machdep.cpu.brand_string")
    else:
        name = _model_name(cpuinfo)
    return " ".join((name or platform.processor() or platform.machine() or "unknown").split())


def has_vnni(cpuinfo: Path = Path("/proc/cpuinfo")) -> bool | None:
    """Return whether an x64 processor adds products of 8-bit integers in 32 bits (VNNI).

    None on other processors, and where the system does not tell.
    """
    if platform.machine().lower() not in ("x86_64", "amd64"):
        return None
    try:
        lines = cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return None
    flags = next((line.split() for line in lines if line.startswith("flags")), None)
    return None if flags is None else bool({"avx512_vnni", "avx_vnni"}.intersection(flags))


def _model_name(cpuinfo: Path) -> str:
    try:
        lines = cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    pairs = (line.partition(":") for line in lines)
    return next((value for key, _, value in pairs if key.strip() == "model name"), "")


def _sysctl(key: str) -> str:
    try:
        done = subprocess.run(
            ["/usr/sbin/sysctl", "-n", key], capture_output=True, text=True, check=True, timeout=5
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout
