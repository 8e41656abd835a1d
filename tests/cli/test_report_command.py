import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from click.testing import CliRunner, Result

from qconv.cli.main import cli
from qconv.cli.progress_bar import make_progress
from qconv.errors import ModelError, OutputError, QconvError, UsageError
from qconv.progress import Progress
from qconv.reporting.catalog import metric_names
from qconv.reporting.contents import FloatOperator, FusionAudit
from qconv.reporting.report_json import from_json

Run = Callable[..., Result]
MISS = FloatOperator("fc", "Gemm", "its bias is float")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    header = '<ir_version: 8, opset_import: ["" : 17]>'
    ports = "(float[N, 6] x) => (float[N, 6] y)"
    bodies = {
        "model": "y = Identity(x)",
        "half": "h = Constant<value_float=0.5>() y = Mul(x, h)",
        "neg": "y = Neg(x)",
    }
    for name, body in bodies.items():
        proto = onnx.parser.parse_model(f"{header} g {ports} {{ {body} }}")
        onnx.save(proto, tmp_path / f"{name}.onnx")
    rows = np.eye(6, dtype=np.float32)
    np.savez(tmp_path / "data.npz", x=rows, labels=np.arange(6))
    np.savez(tmp_path / "unlabelled.npz", x=rows)
    return tmp_path


@pytest.fixture
def run(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.chdir(folder)
    audit = FusionAudit(2, 1, {"Gemm": (2, 1)}, (MISS,))
    monkeypatch.setattr("qconv.runtime.audit.audit_fusion", lambda _: audit)

    def invoke(*arguments: str, data: str = "data.npz") -> Result:
        return CliRunner().invoke(cli, ["report", *arguments, "--data", data])

    return invoke


def test_the_table_goes_to_stdout_and_progress_to_stderr(run: Run) -> None:
    result = run("model.onnx", "half.onnx", "neg.onnx", "--runs", "2")
    assert result.exit_code == 0
    lines = [line.split() for line in result.stdout.splitlines() if line.startswith("half.onnx ")]
    assert lines[0][3:] == ["100.00", "0.00", "100.00", "0.00", "100.00", "6.0"]
    assert lines[1][-1] == "1/2"
    assert "1 Gemm ('fc'): its bias is float" in result.stdout
    assert "1 thread, 2 runs of each model in turns" in result.stdout
    assert "evaluating: 6/6" in result.stderr
    assert "evaluating" not in result.stdout


def test_quiet_shows_no_progress(run: Run) -> None:
    result = run("model.onnx", "half.onnx", "--no-latency", "-q")
    assert result.stderr == ""
    assert "latency" not in result.stdout.lower()


def test_a_failed_gate_is_exit_code_one_and_all_gates_are_printed(run: Run) -> None:
    gates = ("--fail-if", "top1_drop > 1.0", "--fail-if", "sqnr_db < 3")
    result = run("model.onnx", "half.onnx", "neg.onnx", "--no-latency", *gates)
    assert result.exit_code == 1
    assert result.stdout.splitlines()[-4:] == [
        "half.onnx passes: top1_drop = 0, limit 1",
        "half.onnx passes: sqnr_db = 6.0206, must be at least 3",
        "neg.onnx FAILS: top1_drop = 100, limit 1",
        "neg.onnx FAILS: sqnr_db = -6.0206, must be at least 3",
    ]


def test_json_on_stdout_is_alone_there(run: Run) -> None:
    result = run("model.onnx", "neg.onnx", "--no-latency", "--json", "-", "--fail-if", "top1 < 50")
    assert result.exit_code == 1
    read = from_json(result.stdout)
    assert read.exit_code == 1
    assert json.loads(result.stdout)["schema"] == 2
    assert "neg.onnx FAILS: top1 = 0, must be at least 50" in result.stderr


def test_files_are_written_beside_the_table_and_replaced(run: Run, folder: Path) -> None:
    (folder / "r.json").write_text("old")
    result = run(
        "model.onnx", "half.onnx", "--no-latency", "--json", "r.json", "--markdown", "r.md"
    )
    assert result.exit_code == 0
    assert from_json((folder / "r.json").read_text()).variants[0].name == "half.onnx"
    assert (folder / "r.md").read_text().startswith("### qconv report\n")
    assert "half.onnx" in result.stdout


@pytest.mark.parametrize("option", ["--json", "--markdown", "--junit"])
def test_a_model_is_not_replaced_and_nothing_runs(
    run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch, option: str
) -> None:
    model = (folder / "half.onnx").read_bytes()
    monkeypatch.setattr("qconv.pipeline.report", lambda *_, **__: pytest.fail("it runs"))
    result = run("model.onnx", "neg.onnx", option, "half.onnx")
    assert isinstance(result.exception, OutputError)
    refused = "half.onnx: is not a text file; a report only replaces text files"
    assert str(result.exception) == refused
    assert (folder / "half.onnx").read_bytes() == model


def test_a_file_that_is_read_meanwhile_is_not_replaced(
    run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def link(*, quiet: bool) -> Progress:
        (folder / "r.json").hardlink_to(folder / "data.npz")
        return make_progress(quiet=quiet)

    monkeypatch.setattr("qconv.cli.progress_bar.make_progress", link)
    result = run("model.onnx", "half.onnx", "--no-latency", "--json", "r.json")
    assert isinstance(result.exception, UsageError), result.exception
    assert "the output would replace the data" in str(result.exception)


def test_markdown_on_stdout_is_alone_there(run: Run) -> None:
    result = run("model.onnx", "half.onnx", "--no-latency", "--markdown", "-")
    assert result.stdout.startswith("### qconv report\n")
    assert "─" not in result.stdout


def test_a_custom_metric_is_a_column_and_a_gate(run: Run, folder: Path) -> None:
    (folder / "own.py").write_text("def peak(outputs, sample): return outputs['y'].max()\n")
    gate = ("--metric", "own.py:peak", "--fail-if", "peak_drop > 0.4")
    result = run("model.onnx", "half.onnx", "--no-latency", *gate)
    assert result.exit_code == 1
    assert "half.onnx FAILS: peak_drop = 0.5, limit 0.4" in result.stdout
    assert "0.5000" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (("model.onnx", "no.onnx"), ModelError, "no.onnx: no such file"),
        (("no.onnx", "no.onnx", "--fail-if", "top2 > 1"), UsageError, "the gate 'top2 > 1' names"),
        (("model.onnx", "half.onnx", "--json", "no/r.json"), OutputError, "no: no such folder"),
        (
            ("model.onnx", "half.onnx", "--json", "half.onnx"),
            UsageError,
            "half.onnx: the output",
        ),
        (
            ("model.onnx", "half.onnx", "--json", "r", "--markdown", "./r"),
            UsageError,
            "r: is given",
        ),
        (("model.onnx", "half.onnx", "--json", "-", "--markdown", "-"), UsageError, "only one of"),
        (
            ("model.onnx", "half.onnx", "--no-latency", "--fail-if", "speedup < 1"),
            UsageError,
            "the gate 'speedup < 1' needs speedup, which is not measured here: latency is",
        ),
    ],
)
def test_errors_leave_no_output(
    run: Run, folder: Path, arguments: tuple[str, ...], error: type[QconvError], message: str
) -> None:
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    result = run(*arguments)
    assert type(result.exception) is error
    assert str(result.exception).startswith(message)
    assert result.stdout == ""
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_a_gate_on_labels_without_labels_is_an_error(run: Run) -> None:
    result = run("model.onnx", "half.onnx", "--fail-if", "top1 < 50", data="unlabelled.npz")
    assert isinstance(result.exception, UsageError)
    assert str(result.exception).endswith("not measured here: the data has no labels")


def test_the_help_names_every_metric_with_its_unit() -> None:
    text = CliRunner().invoke(cli, ["report", "--help"]).stdout
    section = text[text.index("Metrics for --fail-if") :]
    for name in metric_names():
        assert f"\n  {name} " in section
    assert "[dB]" in section
    assert "FUNCTION_drop" in section


@pytest.mark.parametrize("arguments", [["model.onnx"], ["m", "v", "--threads", "0"]])
def test_wrong_usage_is_exit_code_two(arguments: list[str]) -> None:
    assert CliRunner().invoke(cli, ["report", *arguments, "--data", "d"]).exit_code == 2
