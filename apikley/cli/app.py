"""The commands together, and what a failure of any of them looks like."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from apikley.cli.command_table import COMMANDS

EPILOG = """\b
Examples:
  apikley run --prompt "A ship above the rings of Saturn" \\
      --image ship.png -o ship.mp4
  apikley run --help      the options of the model, with their limits
  apikley doctor          what is in the way, if something is

The key comes from APIKLEY_API_KEY or from a profile of the settings file; keys are made at
https://app.apikley.ru/keys."""


class _Commands(TyperGroup):
    """A group whose commands come from the table, each loaded when it is called."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002 - Typer's signature
        return [*COMMANDS]

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        # What options a command has may depend on the model that its arguments name.
        ctx.meta[__name__] = args[1:]
        return super().resolve_command(ctx, args)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        known = COMMANDS.get(cmd_name)
        return known.load(cmd_name, ctx.meta.get(__name__, ())) if known else None

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002 - Typer's signature
        with formatter.section("Commands"):
            formatter.write_dl([(name, command.help) for name, command in COMMANDS.items()])


app = typer.Typer(
    name="apikley",
    cls=_Commands,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    epilog=EPILOG,
)


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version  # noqa: PLC0415 - for this option only

        print("apikley", version("apikley"))
        raise typer.Exit


@app.callback()
def _group(
    *,
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_version, help="Print the version and exit.")
    ] = False,
) -> None:
    """Apikley's video generation API, from the command line."""


def run(arguments: list[str] | None) -> int:
    """Run a command; returns its exit code."""
    try:
        with _sigterm_as_ctrl_c():
            sys.exit(app(arguments, prog_name="apikley"))
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except Exception as error:
        from apikley.cli.exit_codes import failure_of  # noqa: PLC0415 - for the unlucky only
        from apikley.cli.output import say  # noqa: PLC0415

        failure = failure_of(error)
        if failure is None:
            raise
        say(failure)
        return failure.code
    finally:
        _leave_unwritten()


def _leave_unwritten() -> None:
    """Let go of what stdout will not take: Python would try it once more at the end, and complain by itself."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@contextmanager
def _sigterm_as_ctrl_c() -> Iterator[None]:
    """A task that is under way is kept, and said, however the command is ended."""
    if threading.current_thread() is not threading.main_thread():
        yield
    else:
        before = signal.signal(signal.SIGTERM, signal.default_int_handler)
        try:
            yield
        finally:
            signal.signal(signal.SIGTERM, before)
