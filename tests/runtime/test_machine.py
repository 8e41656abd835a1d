from pathlib import Path

import onnxruntime

from qconv.runtime.machine import cpu_name, runtime_version


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
