"""The ``qconv`` command: finds its subcommands lazily and turns errors into exit codes."""

from __future__ import annotations

import io
import sys
import warnings
from importlib import import_module
from typing import Any

import click

from qconv.cli.terminal import annotate, complain, give_up_broken, guarded, say, show
from qconv.errors import (
    INTERRUPTED,
    InputError,
    OutOfMemoryError,
    OutputWarning,
    QconvError,
    lacks_memory,
)
from qconv.recipe.spelling import with_flags
from qconv.version import __version__

_COMMANDS = {
    "init": "Write a recipe for a model, to be edited and run.",
    "run": "Do what a recipe says; redo only what has changed.",
    "inspect": "Show what a model contains and what would be quantized.",
    "calibrate": "Run a float model on data once and record its statistics.",
    "convert": "Write variants of a float model in INT8, FP16, BF16 or FP32.",
    "tune": "Search for the best INT8 file that meets a goal, by measuring.",
    "report": "Compare variants with their float model, and judge them by gates.",
    "compare": "Show where two models differ: outputs and inner values.",
    "gate": "Judge an existing report, without running a model.",
}
_BUG = 70
_BROKEN_PIPE = 141
_NO_MEMORY = ("failed to map segment", "annot allocate memory", "bad_alloc")


class _LazyGroup(click.Group):
    """Imports a command's module only when that command runs."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in _COMMANDS:
            return None
        command: click.Command = getattr(import_module(f"qconv.cli.{cmd_name}"), cmd_name)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command, and offer the nearest name where there is none."""
        if args[0] not in _COMMANDS and not args[0].startswith("-"):
            from difflib import get_close_matches

            near = get_close_matches(args[0], _COMMANDS, n=1)
            offer = f"did you mean '{near[0]}'?" if near else f"there are {', '.join(_COMMANDS)}."
            ctx.fail(f"No such command '{args[0]}'; {offer}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl(list(_COMMANDS.items()))


@click.command(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, "-V", "--version", prog_name="qconv")
def cli() -> None:
    """Turn a float ONNX model into a smaller, faster one, and prove what it cost.

    Exit codes: 0 success, 1 a gate failed, 2 wrong usage, 3 bad input (model, data, record,
    output), 4 not supported, 5 out of memory, 70 a bug in qconv, 130 interrupted, 141 the
    output was closed early.
    """


def main() -> int:
    """Run the command line in this process; return its exit code."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    code = run(sys.argv[1:])
    give_up_broken()
    return code


def run(arguments: list[str]) -> int:
    """Run a command line; return its exit code, with any error told on stderr."""
    with guarded():
        return _run(arguments)


def _run(arguments: list[str]) -> int:
    try:
        with warnings.catch_warnings():
            _show_own_warnings()
            result = cli.main(arguments, prog_name="qconv", standalone_mode=False)
    except click.exceptions.Exit as error:
        return error.exit_code
    except click.ClickException as error:
        with io.StringIO() as text:
            error.show(text)
            show(text.getvalue(), err=True)
        annotate(error.exit_code, error.format_message())
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        complain(INTERRUPTED, "qconv: interrupted")
        return INTERRUPTED
    except BrokenPipeError:
        return _BROKEN_PIPE
    except SystemExit as error:  # click and rich exit with 1 on a broken pipe, completion with 0
        return _BROKEN_PIPE if error.code else 0
    except QconvError as error:
        _tell(error)
        return error.exit_code
    except BaseException as error:  # the last resort: exit code 1 is for gates alone
        return _tell_unexpected(error)
    return result if isinstance(result, int) else 0


def _show_own_warnings() -> None:
    """Show what qconv has to say beside its result as one line on stderr."""
    others = warnings.showwarning

    def tell(message: Warning | str, category: type[Warning], *where: Any, **more: Any) -> None:
        if issubclass(category, OutputWarning):
            say(f"qconv: warning: {message}", err=True)
        else:
            others(message, category, *where, **more)

    warnings.simplefilter("always", OutputWarning)
    warnings.showwarning = tell


def _tell(error: QconvError) -> None:
    show(f"qconv: error: {with_flags(str(error))}\n", err=True)
    if error.hint:
        say(f"hint: {with_flags(error.hint)}", err=True)
    told = [with_flags(text) for text in (str(error), error.hint) if text]
    annotate(error.exit_code, "; ".join(told))


def _tell_unexpected(error: BaseException) -> int:
    """Tell what the system refused, or else a bug, with what a report of it needs."""
    if lacks_memory(error) or _not_loaded(error):
        _tell(OutOfMemoryError("this machine does not have enough memory"))
        return OutOfMemoryError.exit_code
    if isinstance(error, OSError) and error.strerror:
        place = f"{error.filename}: " if error.filename else ""
        complain(InputError.exit_code, f"qconv: error: {place}{error.strerror}")
        return InputError.exit_code
    import traceback

    show("".join(traceback.format_exception(error)), err=True)
    complain(_BUG, f"qconv: this is a bug in qconv {__version__}: {error!r}")
    return _BUG


def _not_loaded(error: BaseException) -> bool:
    """Whether a library could not be loaded for lack of memory."""
    return isinstance(error, ImportError) and any(reason in str(error) for reason in _NO_MEMORY)
