"""The group of all commands, and the report of a failure outside a command."""

from __future__ import annotations

import difflib
import importlib
import os
import signal
import sys

import click

from apikley.cli.constants import COMMANDS
from apikley.cli.signals import signal_handler

EPILOG = """\b
Examples:
  apikley run --model hailuo/02-image-to-video-pro \\
      --prompt "A ship above the rings of Saturn" --image ship.png -o ship.mp4
  apikley models hailuo   lists the models with this word
  apikley run --model MODEL --help
                          the options of the model, with their limits
  apikley doctor          checks settings, key, network and clock

\b
Environment variables:
  APIKLEY_API_KEY         the API key, made at https://app.apikley.ru/keys
  APIKLEY_BASE_URL        the URL of the API or of a simulator
  APIKLEY_MODEL           the model of `run` and `create`
  APIKLEY_PROFILE         the profile of the settings file
  APIKLEY_CONFIG          the settings file
  APIKLEY_WEBHOOK_KEY     the key that signs callbacks, for `listen`
  APIKLEY_INBOX           the inbox of `inbox`
  APIKLEY_BATCH_DATABASE  the ledger of `batch`
  APIKLEY_TASKS           the list of `tasks`; off keeps none"""


class LazyGroup(click.Group):
    """A group that imports a command when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Return the names of the commands in the order of the help."""
        return [*COMMANDS]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import a command."""
        if cmd_name not in COMMANDS:
            return None
        module, _, name = COMMANDS[cmd_name][0].partition(":")
        command: click.Command = getattr(importlib.import_module(f"apikley.cli.commands.{module}"), name)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find a command, or name the nearest one."""
        name = args[0]
        near = difflib.get_close_matches(name, COMMANDS, 1) if name not in COMMANDS else []
        if near:
            ctx.fail(f"No such command {name!r}. Did you mean {near[0]!r}?")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])


@click.group("apikley", cls=LazyGroup, epilog=EPILOG)
@click.version_option(package_name="apikley", message="%(prog)s %(version)s")
def app() -> None:
    """The command line of Apikley's video generation API."""


def run(arguments: list[str] | None) -> int:
    """Run a command and return its exit code."""
    try:
        # After SIGTERM, too, the id of a paid task must be printed.
        with signal_handler(signal.SIGTERM, signal.default_int_handler):
            return app.main(arguments, "apikley", standalone_mode=False) or 0
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except click.Abort as abort:  # click's replacement of KeyboardInterrupt
        return _report(abort.__cause__ or KeyboardInterrupt())
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except Exception as error:  # noqa: BLE001 - a bug is raised again
        return _report(error)
    finally:
        try:
            sys.stdout.flush()
        except OSError:  # otherwise Python tries again at exit and prints its own error
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _report(error: BaseException) -> int:
    from apikley.cli.exit_codes import failure_of  # noqa: PLC0415 - only after a failure
    from apikley.cli.output import print_failure  # noqa: PLC0415

    failure = failure_of(error)
    if failure is None:
        raise error
    with signal_handler(signal.SIGINT, signal.SIG_IGN):
        print_failure(failure)
    return failure.code
