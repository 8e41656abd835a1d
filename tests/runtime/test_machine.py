from pathlib import Path

import onnxruntime
import pytest

from qconv.runtime.machine import cpu_name, has_vnni, runtime_version, versions


def test_the_runtime_is_named_with_its_version() -> None:
    assert runtime_version() == f"onnxruntime {onnxruntime.__version__}"


def test_the_processor_is_named_as_the_system_names_it(tmp_path: Path) -> None:
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text(
        "processor\t: 0\nmodel\t\t: 1\nmodel name\t: Some  CPU @ 2.0GHz\nmodel name\t: B\n"
    )
    assert cpu_name(cpuinfo) == "Some CPU @ 2.0GHz"


def test_a_system_that_hides_the_name_leaves_something_to_print(tmp_path: Path) -> None:
    empty = tmp_path / "cpuinfo"
    empty.write_text("")
    assert cpu_name(tmp_path / "missing") == cpu_name(empty) != ""


@pytest.mark.parametrize(
    ("flags", "expected"), [("sse avx2", False), ("avx2 avx512_vnni", True), ("avx_vnni", True)]
)
def test_vnni_is_read_off_the_flags(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, flags: str, expected: bool
) -> None:
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text(f"processor\t: 0\nflags\t\t: fpu {flags}\n")
    assert has_vnni(cpuinfo) is expected
    assert has_vnni(tmp_path / "missing") is None
    monkeypatch.setattr("platform.machine", lambda: "aarch64")
    assert has_vnni(cpuinfo) is None


def test_versions_are_those_of_what_computes() -> None:
    assert versions()["onnxruntime"] == onnxruntime.__version__
    assert {"python", "numpy", "onnx", "onnx-ir", "system"} <= set(versions())
