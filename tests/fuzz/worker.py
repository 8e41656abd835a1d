"""Runs commands in children forked from a process that holds the imports, and watches them."""

from __future__ import annotations

import contextlib
import faulthandler
import hashlib
import io
import os
import resource
import select
import signal
import stat
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from tests.fuzz.case import INPUTS, SECRET, TEMPORARY, Case
from tests.fuzz.outcome import SECONDS, Outcome

_ROOT = Path(__file__).parents[2]
_PAGE = resource.getpagesize()
_ROOM = 4 << 30
"""Bytes of address space that a command may take beyond what it starts with."""
_TOLD = 1 << 20
"""Bytes that are read of what a command prints."""


def import_all() -> None:
    """Import what commands import inside of them."""
    import importlib
    import pkgutil

    import qconv

    for name in (
        *(module.name for module in pkgutil.walk_packages(qconv.__path__, "qconv.")),
        *("PIL.Image", "onnx.checker", "onnx.reference", "onnx.version_converter"),
        *("onnx_ir.passes.common", "rich.progress", "sympy", "threadpoolctl", "tokenizers"),
    ):
        if not name.endswith("__main__"):
            importlib.import_module(name)


def run_forked(case: Case, folder: Path) -> Outcome:
    """Run a command in a forked child."""

    def start() -> int:
        child = os.fork()
        if child == 0:
            _become(case, folder)
        return child

    return _watched(case, folder, start)


def run_process(case: Case, folder: Path) -> Outcome:
    """Run a command as a process, as a shell does."""
    environment = {**os.environ, **_environment(folder), "PYTHONPATH": str(_ROOT)}
    command = [sys.executable, "-m", "qconv", *case.arguments]

    def start() -> int:
        child = os.fork()
        if child == 0:
            with contextlib.suppress(BaseException):
                _enter(folder)
                os.execve(command[0], command, environment)
            os._exit(127)
        return child

    return _watched(case, folder, start)


def _environment(folder: Path) -> dict[str, str]:
    return {
        "HOME": str((folder / TEMPORARY).absolute()),
        "TMPDIR": str((folder / TEMPORARY).absolute()),
        "PYTHONDONTWRITEBYTECODE": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "OMP_NUM_THREADS": "1",
        "COLUMNS": "100",
    }


def _enter(folder: Path) -> None:
    """In the child: a session, a folder, streams and limits of its own."""
    os.setsid()
    for number, name, flags in (
        (0, os.devnull, os.O_RDONLY),
        (1, str(folder) + ".out", os.O_WRONLY | os.O_CREAT | os.O_TRUNC),
        (2, str(folder) + ".err", os.O_WRONLY | os.O_CREAT | os.O_TRUNC),
    ):
        stream = os.open(name, flags, 0o600)
        os.dup2(stream, number)
        os.close(stream)
    os.chdir(folder)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    size = int(Path("/proc/self/statm").read_text().split()[0]) * _PAGE + _ROOM
    resource.setrlimit(resource.RLIMIT_AS, (size, size))


def _become(case: Case, folder: Path) -> None:
    """In the child: run the command as ``main`` does, and end."""
    code = 1
    try:
        _enter(folder)
        os.environ.update(_environment(folder))
        tempfile.tempdir = None
        sys.dont_write_bytecode = True
        sys.argv = ["qconv", *case.arguments]
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        sys.stdin = io.TextIOWrapper(io.FileIO(0, closefd=False))
        sys.stdout = io.TextIOWrapper(
            io.BufferedWriter(io.FileIO(1, "w", closefd=False)), "utf-8", "backslashreplace"
        )
        sys.stderr = io.TextIOWrapper(
            io.BufferedWriter(io.FileIO(2, "w", closefd=False)),
            "utf-8",
            "backslashreplace",
            write_through=True,
        )
        faulthandler.enable(2, all_threads=False)
        from qconv.cli.main import run

        code = run(list(case.arguments))
    except BaseException:
        with contextlib.suppress(BaseException):
            traceback.print_exc()
    finally:
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(BaseException):
                stream.flush()
        os._exit(code)


def _watched(case: Case, folder: Path, start: Callable[[], int]) -> Outcome:
    before = _state(folder)
    warm = int(Path("/proc/self/statm").read_text().split()[1]) * _PAGE
    begin = time.monotonic()
    child = start()
    watch = os.pidfd_open(child)
    try:
        ended, _, _ = select.select([watch], [], [], SECONDS)
    finally:
        os.close(watch)
    if not ended:
        os.kill(child, signal.SIGKILL)
    _, status, usage = os.wait4(child, 0)
    seconds = time.monotonic() - begin
    outlived = _end_group(child)
    code = os.waitstatus_to_exitcode(status)
    return Outcome(
        code=code,
        hung=not ended,
        seconds=seconds,
        megabytes=(usage.ru_maxrss * 1024 - warm) / 1e6,
        output=_read(Path(f"{folder}.out")),
        errors=_read(Path(f"{folder}.err")),
        left=() if not ended else tuple(_left(case, folder, before, _state(folder), code)),
        missing=tuple(name for name in case.outputs if not (folder / name).exists()),
        processes=outlived and bool(ended),
    )


def _end_group(leader: int) -> bool:
    """End what is left of a child's own children; tell whether there was something."""
    try:
        os.killpg(leader, signal.SIGKILL)
    except ProcessLookupError:
        return False
    return True


def _read(path: Path) -> str:
    with path.open("rb") as file:
        return file.read(_TOLD).decode(errors="backslashreplace")


def _state(folder: Path) -> dict[str, str]:
    """Return what lies below a folder, by name: a hash, or what it is that is no plain file."""
    state = {}
    for place, folders, files in os.walk(folder):
        for name in (*folders, *files):
            path = Path(place, name)
            mode = path.lstat().st_mode
            if stat.S_ISREG(mode):
                with path.open("rb") as file:
                    content = hashlib.file_digest(file, "sha256").hexdigest()
            elif stat.S_ISLNK(mode):
                content = str(path.readlink())
            else:
                content = str(stat.S_IFMT(mode))
            state[str(path.relative_to(folder))] = content
    return state


def _left(
    case: Case, folder: Path, before: Mapping[str, str], after: Mapping[str, str], code: int
) -> Iterator[str]:
    """Yield what a command changed that it may not, with what is wrong with it."""
    for name in sorted(before.keys() | after.keys()):
        may_write = _may_write(case, name, code)
        if name not in after:
            yield f"removed '{name}'"
        elif name not in before and not may_write:
            yield f"left '{name}' in {Path(name).parts[0]} with exit code {code}"
        elif name in before and before[name] != after[name] and not _may_replace(case, name):
            yield f"changed '{name}'"
        elif name not in before and _holds_secret(folder / name):
            yield f"put the file of another folder into '{name}'"


def _may_write(case: Case, name: str, code: int) -> bool:
    """Tell whether a new file is an output, or its weights.

    Failures leave none, but for the models and types that were written before the one that fails,
    the best file of a search so far, and what a run has done.
    """
    if case.command == "run" and any(_within(name, output) for output in case.outputs):
        return True
    if code not in (0, 1) and case.command != "tune" and not _several(case):
        return False
    for output in case.outputs:
        named = (
            "--external-data-name" in case.arguments and Path(output).parent == Path(name).parent
        )
        if name == output or (name.endswith(".data") and (named or name.startswith(output))):
            return True
        if output == os.path.dirname(name) and Path(name).suffix in (".onnx", ".data"):  # noqa: PTH120
            return True
    return False


def _within(name: str, folder: str) -> bool:
    return name == folder or name.startswith(f"{folder}/")


def _several(case: Case) -> bool:
    """Tell whether a command writes several files, one after the other."""
    places = [text for text in case.arguments if text.startswith(f"{INPUTS}/")]
    models = [text for text in places if text.endswith(".onnx")]
    folders = [text for text in places if text in (f"{INPUTS}/.", f"{INPUTS}/..")]
    return case.arguments.count("--dtype") > 1 or len(models) > 1 or bool(folders)


def _may_replace(case: Case, name: str) -> bool:
    """Tell whether a file is the trials of an earlier search, which goes on."""
    return "--resume" in case.arguments and name in case.outputs and name.endswith(".trials.json")


def _holds_secret(path: Path) -> bool:
    return path.is_file() and SECRET[: len(SECRET) // 4] in path.read_bytes()
