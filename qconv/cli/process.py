"""The ``qconv`` command as two processes: a crash of the runtime is reported, and leaves no files.

The child, forked before anything heavy is imported, does the work. The parent waits, hands
signals on, kills a child that does not hear them since native code does not return, turns a child
that died by a signal into a sentence and an exit code, and removes the temporary folders that it
left. Where a system cannot fork, one process does all.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from types import FrameType
from typing import NoReturn

from qconv.errors import INTERRUPTED, OutOfMemoryError, UnsupportedError

_INTERRUPTS = [
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
]
_CRASHES = {"SIGSEGV", "SIGABRT", "SIGBUS", "SIGILL", "SIGFPE", "SIGSYS", "SIGTRAP"}
_PR_SET_PDEATHSIG = 1
_SAME_PRESS = 5.0
"""Seconds within which a second interrupt is the same key press, forwarded by the parent."""

_PATIENCE = 5
"""Seconds that a child has to hear a signal."""

_END, _HEARD = b"end", b"heard"
"""What a child writes beside the paths of its folders, which are absolute: at its end, and when it
is interrupted."""

_interrupted = -_SAME_PRESS


def main() -> NoReturn:
    """Run the command line and exit."""
    _fill_closed()
    if not hasattr(os, "fork"):
        _work()
    forwarded = [*_INTERRUPTS, signal.SIGQUIT]
    signal.pthread_sigmask(signal.SIG_BLOCK, forwarded)  # until each process has its handlers
    parent = os.getpid()
    try:
        reading, writing = os.pipe()
        child = os.fork()
    except OSError:  # the system gives no more processes, or no more open files
        _work()
    if child == 0:
        os.close(reading)
        _end_with(parent)
        _work(writing)
    os.close(writing)
    announced = bytearray()
    killed = False

    def forward(number: int, _: FrameType | None) -> None:
        with suppress(ProcessLookupError):  # it has just ended
            os.kill(child, number)
            signal.alarm(_PATIENCE)

    def insist(_: int, __: FrameType | None) -> None:
        nonlocal killed
        announced.extend(_announced(reading))
        if _HEARD not in announced.split(b"\0"):
            with suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
                killed = True

    _handle([signal.SIGALRM], insist)
    _handle(forwarded, forward)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    _handle([*forwarded, signal.SIGALRM], signal.SIG_IGN)
    announced.extend(_announced(reading))
    *folders, _ = bytes(announced).split(b"\0")
    _remove_left(folders)
    if code >= 0 and _END in folders:
        sys.exit(code)
    sys.exit(_told(-signal.SIGTERM if killed else code))


def _fill_closed() -> None:
    """Open what leads nowhere where a standard stream is closed.

    Otherwise the next file or pipe that is opened would take its number.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest free number, which is this one


def _work(watcher: int | None = None) -> NoReturn:
    """Do what the command line says, and exit."""
    try:
        from qconv.cli.main import main as command
        from qconv.temporary import announce_to

        if watcher is not None:
            announce_to(watcher)
        _handle(_INTERRUPTS, lambda *_: _interrupt(watcher))
        code = command()
    except KeyboardInterrupt:  # before the command has begun, or when it was done
        code = _failed(INTERRUPTED, "interrupted")
    _handle(_INTERRUPTS, signal.SIG_IGN)  # Python would restore the default, which kills
    if watcher is not None:
        _tell(watcher, _END)
    sys.exit(code)


def _tell(watcher: int, word: bytes) -> None:
    with suppress(OSError):  # the parent was killed
        os.write(watcher, word + b"\0")


def _handle(
    numbers: Iterable[int], handler: Callable[[int, FrameType | None], None] | signal.Handlers
) -> None:
    """Have signals handled that are not ignored, as some are behind nohup."""
    for number in numbers:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, handler)
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_SETMASK, [])


def _interrupt(watcher: int | None) -> None:
    """Interrupt the work once, though Ctrl-C reaches the child by itself and by its parent."""
    global _interrupted
    if watcher is not None:
        _tell(watcher, _HEARD)
    now = time.monotonic()
    if now - _interrupted >= _SAME_PRESS:
        _interrupted = now
        raise KeyboardInterrupt


def _end_with(parent: int) -> None:
    """Have this process interrupted when its parent dies, where the system is Linux."""
    import ctypes

    with suppress(AttributeError, OSError):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:
        sys.exit(INTERRUPTED)


def _announced(pipe: int) -> bytes:
    """Return what the child has written: the paths of its folders, and a mark at its end."""
    os.set_blocking(pipe, False)
    written = b""
    with suppress(BlockingIOError):  # a process that the child started still holds the pipe
        while part := os.read(pipe, 1 << 16):
            written += part
    return written


def _remove_left(folders: Iterable[bytes]) -> None:
    """Remove the temporary folders that the child did not remove itself."""
    for folder in folders:
        if folder not in (_END, _HEARD) and os.path.lexists(folder):
            import shutil

            shutil.rmtree(folder, ignore_errors=True)


def _told(code: int) -> int:
    """Tell how the child ended, by a signal or by an exit that is not its own; return the code."""
    name = {-known.value: known.name for known in signal.Signals}.get(code)
    if name in _CRASHES:
        return _failed(
            UnsupportedError.exit_code,
            f"error: ONNX Runtime, or native code that a script runs, crashed ({name})",
            "if ONNX Runtime without qconv crashes on this model too, report it to ONNX Runtime",
        )
    if code >= 0:
        return _failed(
            UnsupportedError.exit_code,
            f"error: the command ended before it was done (exit code {code})",
            "a script or a library may have ended it; see the traceback above, if there is one",
        )
    if name == "SIGKILL":
        return _failed(
            OutOfMemoryError.exit_code,
            "error: killed (SIGKILL), most likely by the system for lack of memory",
        )
    return _failed(INTERRUPTED, "interrupted")


def _failed(code: int, message: str, hint: str | None = None) -> int:
    """Say why the command failed, and return the code."""
    from qconv.cli.terminal import complain, give_up_broken, guarded, say

    with guarded():
        complain(code, f"qconv: {message}")
        if hint is not None:
            say(f"hint: {hint}", err=True)
    give_up_broken()
    return code
