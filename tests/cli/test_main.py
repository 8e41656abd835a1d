import errno
import io
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from PIL import Image

import qconv as package
from qconv.cli import main as main_module
from qconv.cli.main import cli, run
from tests.cli.cli_helpers import (
    FIXED,
    ROOT,
    Qconv,
    Refuses,
    command,
    contents,
    process,
    raising,
    save_text,
)

HEAVY = ("numpy", "onnx", "onnx_ir", "onnxruntime", "rich", "google.protobuf", "msgspec")


def commands() -> Iterator[tuple[str, click.Command]]:
    context = click.Context(cli)
    for name in cli.list_commands(context):
        found = cli.get_command(context, name)
        assert isinstance(found, click.Command)
        yield name, found


COMMANDS = dict(commands())


def test_the_commands_are_these() -> None:
    assert " ".join(COMMANDS) == "init run inspect calibrate convert tune report compare gate"


def test_help_lists_every_command_with_what_it_does(qconv: Qconv) -> None:
    said = qconv("--help")
    assert said.code == 0
    assert said.err == ""
    listed = said.out[said.out.index("Commands:") :].splitlines()[1:]
    assert [line.split()[0] for line in listed if line[2] != " "] == list(COMMANDS)
    assert all(len(line.split()) > 3 for line in listed)


def test_without_arguments_there_is_the_help(qconv: Qconv) -> None:
    said = qconv("")
    assert said.code == 2
    assert said.err == qconv("--help").out


def test_the_runtime_keeps_no_files_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_text(FIXED, tmp_path / "model.onnx")
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("TMPDIR", str(home))
    for name in ("CI", "XDG_CACHE_HOME", "ORT_DISABLE_TELEMETRY"):
        monkeypatch.delenv(name, raising=False)
    assert process("inspect", str(tmp_path / "model.onnx")).code == 0
    assert contents(home) == {}


@pytest.mark.parametrize("name", list(COMMANDS))
def test_every_command_and_option_has_help(name: str, qconv: Qconv) -> None:
    said = qconv(f"{name} -h")
    assert said.code == 0
    assert said.out.startswith(f"Usage: qconv {name} ")
    assert COMMANDS[name].help
    assert "Example" in said.out
    for parameter in COMMANDS[name].params:
        if isinstance(parameter, click.Option):
            assert parameter.help is not None
            assert parameter.help.endswith((".", "]"))
            assert max(parameter.opts, key=len) in said.out


@pytest.mark.parametrize("name", list(COMMANDS))
def test_every_command_and_option_is_in_the_documentation(name: str) -> None:
    readme = (ROOT / "README.md").read_text()
    docs = "".join(path.read_text() for path in (ROOT / "docs").glob("*.md"))
    assert f"qconv {name}" in readme
    assert f"## qconv {name}" in docs
    for parameter in COMMANDS[name].params:
        if isinstance(parameter, click.Option):
            spellings = (*parameter.opts, *parameter.secondary_opts)
            assert any(f"`{spelling}" in docs for spelling in spellings), spellings


@pytest.mark.parametrize("arguments", [["--help"], ["convert", "--help"], ["--version"]])
def test_help_imports_nothing_heavy(arguments: list[str]) -> None:
    code = (
        "import sys; from qconv.cli.main import run; code = run(sys.argv[1:])\n"
        f"print([name for name in {HEAVY} if name in sys.modules], code)"
    )
    line = [sys.executable, "-c", code, *arguments]
    out = subprocess.run(line, capture_output=True, text=True, check=True, cwd=ROOT).stdout
    assert out.splitlines()[-1] == "[] 0"


@pytest.mark.usefixtures("folder")
def test_the_version_as_a_module() -> None:
    said = process("--version")
    assert (said.code, said.out, said.err) == (0, f"qconv, version {package.__version__}\n", "")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("inspct model.onnx", "No such command 'inspct'; did you mean 'inspect'?"),
        (
            "model.onnx",
            "No such command 'model.onnx'; "
            "there are init, run, inspect, calibrate, convert, tune, report, compare, gate.",
        ),
        ("--frobnicate", "No such option"),
        ("inspect", "Missing argument 'MODEL'."),
        ("inspect model.onnx other.onnx", "Got unexpected extra argument (other.onnx)"),
        ("calibrate model.onnx --data data.npz", "Missing option '-o' / '--output'."),
    ],
)
def test_wrong_usage_is_exit_code_two(qconv: Qconv, line: str, message: str) -> None:
    said = qconv(line)
    assert said.code == 2
    assert said.out == ""
    assert said.error.split("\nError: ")[1].startswith(message)


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("inspect", "MODEL"),
        ("convert --dtype fp16 -o x.onnx", "MODEL..."),
        ("report --data d.npz", "MODEL"),
        ("report model.onnx --data d.npz", "VARIANT..."),
        ("report model.onnx model.onnx --data d.npz --json", "--json"),
        ("report model.onnx model.onnx --data images --labels", "--labels"),
        ("gate report.json --markdown", "--markdown"),
    ],
)
def test_an_empty_path_is_wrong_usage(qconv: Qconv, line: str, what: str) -> None:
    said = qconv(line, "")
    assert said.code == 2
    assert said.error.endswith(f"Error: Invalid value for '{what}': the path is empty")


def test_a_folder_instead_of_labels(qconv: Qconv, folder: Path) -> None:
    (folder / "images").mkdir()
    Image.new("RGB", (8, 8)).save(folder / "images" / "a.png")
    said = qconv("report model.onnx model.onnx --data images --image-mean 0 --labels .")
    assert (said.code, said.error) == (3, "qconv: error: .: is a folder, not a table of labels")


def test_a_bug_is_told_as_one(qconv: Qconv, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(main_module.cli, "main", lambda *_, **__: 1 / 0)
    said = qconv("inspect model.onnx")
    assert said.code == 70
    assert "Traceback" in said.err
    assert said.err.splitlines()[-1] == (
        f"qconv: this is a bug in qconv {package.__version__}: "
        "ZeroDivisionError('division by zero')"
    )


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (MemoryError(), 5, "qconv: error: this machine does not have enough memory"),
        (
            OSError(errno.ENOMEM, "Cannot allocate memory"),
            5,
            "qconv: error: this machine does not have enough memory",
        ),
        (KeyboardInterrupt(), 130, "qconv: interrupted"),
        (OSError(errno.EMFILE, "Too many open files"), 3, "qconv: error: Too many open files"),
        (PermissionError(13, "Not yours", "a.npz"), 3, "qconv: error: a.npz: Not yours"),
        (BrokenPipeError(errno.EPIPE, "Broken pipe"), 141, ""),
        (SystemExit(1), 141, ""),
    ],
)
def test_what_the_system_refuses_is_one_line(
    qconv: Qconv,
    monkeypatch: pytest.MonkeyPatch,
    error: BaseException,
    code: int,
    message: str,
) -> None:
    raising(error, monkeypatch)
    said = qconv("inspect model.onnx")
    assert said.code == code
    assert said.error.strip() == message


def test_an_error_of_the_system_without_a_reason_is_a_bug(
    qconv: Qconv, monkeypatch: pytest.MonkeyPatch
) -> None:
    raising(OSError("odd"), monkeypatch)
    assert qconv("inspect model.onnx").code == 70


@pytest.mark.parametrize("arguments", ["inspect model.onnx", "inspect model.onnx --json"])
@pytest.mark.usefixtures("folder")
def test_a_reader_that_leaves_is_no_error_to_be_told(arguments: str) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        command(arguments.split()), stdout=writing, stderr=subprocess.PIPE, text=True, check=False
    )
    os.close(writing)
    assert done.stderr.strip() == ""
    assert done.returncode == 141


def test_the_work_is_done_though_nobody_reads_the_progress(folder: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    line = command(["calibrate", "model.onnx", "--data", "data.npz", "-o", "r.qcal"])
    done = subprocess.run(line, stdout=subprocess.PIPE, stderr=writing, text=True, check=False)
    os.close(writing)
    assert done.stdout.startswith("r.qcal: 6 samples, histogram of 4 values, second moments")
    assert done.returncode == 0
    assert (folder / "r.qcal").read_bytes() == (folder / "full.qcal").read_bytes()


@pytest.mark.parametrize("closed", ["stdout", "stderr"])
def test_closed_streams_do_not_stop_the_work(
    folder: Path, monkeypatch: pytest.MonkeyPatch, closed: str
) -> None:
    monkeypatch.setattr(sys, closed, None)
    assert run(["calibrate", "model.onnx", "--data", "data.npz", "-o", "r.qcal"]) == 0
    assert (folder / "r.qcal").read_bytes() == (folder / "full.qcal").read_bytes()


class Full(io.StringIO):
    def write(self, _: str) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("line", ["inspect model.onnx", "inspect model.onnx --json", "--help"])
@pytest.mark.usefixtures("folder")
def test_a_full_disk_under_stdout_is_told(
    line: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdout", Full())
    assert run(line.split()) == 3
    assert capsys.readouterr().err == "qconv: error: No space left on device\n"


def test_names_that_the_terminal_cannot_show_are_no_error(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "modèle.onnx").write_bytes((folder / "model.onnx").read_bytes())
    monkeypatch.setenv("PYTHONIOENCODING", "ascii")
    said = process("inspect", "modèle.onnx")
    assert said.code == 0
    assert said.out.startswith("mod\\xe8le.onnx  opset 17\n")


def test_a_gate_with_an_unknown_name_is_wrong_usage(refuses: Refuses) -> None:
    refuses(
        "report model.onnx model.onnx --data data.npz --fail-if",
        "top2_drop > 1",
        code=2,
        message="the gate 'top2_drop > 1' names the unknown metric 'top2_drop'",
    )


def test_a_gate_that_cannot_be_read_is_wrong_usage(refuses: Refuses) -> None:
    refuses(
        "report model.onnx model.onnx --data data.npz --fail-if",
        "top1_drop >",
        code=2,
        message="in the gate at column 12: expected a metric or a number, found the end\n"
        "    top1_drop >\n               ^",
    )


def test_a_gate_that_fails_is_exit_code_one(qconv: Qconv) -> None:
    line = "report model.onnx model.onnx --data data.npz --no-latency -q --fail-if"
    assert qconv(line, "size_ratio >= 1").code == 1
    assert qconv(line, "size_ratio > 1").code == 0
