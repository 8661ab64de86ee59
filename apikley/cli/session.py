"""What every command has: its settings, its output, and one way to report a failure."""

from __future__ import annotations

import inspect
import shlex
import signal
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, NamedTuple

import click

from apikley.cli.exit_codes import failure_of
from apikley.cli.options import FORMAT, QUIET, SETTINGS
from apikley.cli.output import Output
from apikley.cli.settings import Settings, resolve
from apikley.cli.signals import signal_handler


class Session(NamedTuple):
    """One call of a command: its output, and the values of --profile, --base-url and --api-key."""

    output: Output
    profile: str | None = None
    base_url: str | None = None
    api_key: str | None = None

    @property
    def settings(self) -> Settings:
        """The settings from flags, environment and file."""
        return resolve(profile=self.profile, base_url=self.base_url, api_key=self.api_key)

    @property
    def address(self) -> str:
        """The base URL of the settings."""
        return self.settings.address

    def command_line(self, *words: str, tasks: Sequence[str] = ()) -> str:
        """Return a command line with the same profile and base URL.

        Args:
            words: The command and its options.
            tasks: Its tasks. An id comes from the service, so one that begins with `-` must not become an option.
        """
        given = {"--profile": self.profile, "--base-url": self.base_url}
        flags = [part for flag, value in given.items() if value is not None for part in (flag, value)]
        command, *options = words
        if any(task.startswith("-") for task in tasks):
            return shlex.join(["apikley", command, *options, *flags, "--", *tasks])
        return shlex.join(["apikley", command, *tasks, *options, *flags])


def with_whole_examples(text: str | None) -> str:
    """Return a help text whose examples click does not wrap: half of a command is another command."""
    paragraphs = inspect.cleandoc(text or "").split("\n\n")
    return "\n\n".join(f"\b\n{each}" if each.startswith(" ") else each for each in paragraphs)


class SessionCommand(click.Command):
    """A command whose function gets a `Session` (`click.pass_obj`), and whose failures are reported in one way."""

    def __init__(self, *args: Any, takes_settings: bool = True, **attributes: Any) -> None:
        super().__init__(*args, **attributes)
        self.params = [*self.params, FORMAT, QUIET, *(SETTINGS if takes_settings else ())]
        self.help = with_whole_examples(self.help)

    def prepare(self, ctx: click.Context) -> None:
        """Convert parameters before the function is called."""

    def invoke(self, ctx: click.Context) -> None:
        """Call the function, and print its result or its failure."""
        values = ctx.params
        form, quiet, follow = values.pop("form"), values.pop("quiet"), values.pop("follow", False)
        output = Output(json=form == "json", follow=follow, quiet=quiet)
        ctx.obj = Session(output, *(values.pop(name, None) for name in ("profile", "base_url", "api_key")))
        try:
            self.prepare(ctx)
            super().invoke(ctx)
            output.finish()
        except BaseException as error:
            failure = failure_of(error)
            if failure is None or isinstance(error, BrokenPipeError):
                raise
            # A second Ctrl-C must not cut the report short.
            with signal_handler(signal.SIGINT, signal.SIG_IGN), suppress(OSError):
                output.finish(failure)
            raise click.exceptions.Exit(failure.code) from error
