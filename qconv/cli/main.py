"""The ``qconv`` command: finds its subcommands lazily and turns errors into exit codes."""

from __future__ import annotations

import os
import sys
from importlib import import_module

import click

from qconv import __version__
from qconv.errors import QconvError

_COMMANDS = {
    "inspect": "Show what a model holds, and what would be quantized.",
    "calibrate": "Run a float model over data once and write a record of statistics.",
    "convert": "Write an INT8 model from a calibration record or data.",
    "report": "Compare variants of a model with it, and judge them by gates.",
}
_BUG = 70
_INTERRUPTED = 130


class _LazyGroup(click.Group):
    """Imports a command's module only when that command runs."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in _COMMANDS:
            return None
        command: click.Command = getattr(import_module(f"qconv.cli.{cmd_name}"), cmd_name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl(list(_COMMANDS.items()))


@click.command(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="qconv")
def cli() -> None:
    """Turn a float ONNX model into a smaller, faster one, and prove what it cost.

    Exit codes: 0 fine, 1 a gate failed, 2 wrong usage, 3 bad input (model, data, record, output),
    4 not supported, 70 a bug in qconv, 130 interrupted.
    """


def main() -> None:
    """Run the command line and exit."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run a command line; return its exit code, with any error told on stderr."""
    try:
        result = cli.main(arguments, prog_name="qconv", standalone_mode=False)
    except click.exceptions.Exit as error:
        return error.exit_code
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        click.echo("qconv: interrupted", err=True)
        return _INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except QconvError as error:
        _tell(error)
        return error.exit_code
    except MemoryError:
        click.echo("qconv: error: out of memory", err=True)
        return _BUG
    except Exception as error:  # the last resort: a bug, told with what a report of it needs
        import traceback

        traceback.print_exc()
        click.echo(f"qconv: this is a bug in qconv {__version__}: {error!r}", err=True)
        return _BUG
    return result if isinstance(result, int) else 0


def _tell(error: QconvError) -> None:
    click.echo(f"qconv: error: {error}", err=True)
    if error.hint:
        click.echo(f"hint: {error.hint}", err=True)
