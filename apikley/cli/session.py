"""What every command has: its settings, its output, and one way to fail."""

from __future__ import annotations

import inspect
import shlex
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Annotated, Any, NamedTuple, TypedDict, get_type_hints

import typer

from apikley.cli.exit_codes import failure_of
from apikley.cli.output import Format, Output
from apikley.cli.settings import API_KEY, Settings, resolve

KEY_ON_DISPLAY = "warning: a key given by {} shows in the process list and in the shell's history; prefer {}"


class Flags(TypedDict):
    """The settings that were given as flags."""

    profile: str | None
    base_url: str | None
    api_key: str | None


class Session(NamedTuple):
    """One call of a command.

    Attributes:
        output: Where its words go.
        flags: The settings that were given as flags.
    """

    output: Output
    flags: Flags

    @property
    def settings(self) -> Settings:
        """The settings.

        Raises:
            ConfigurationError: They are not what they should be.
        """
        return resolve(**self.flags)

    def again(self, *words: str) -> str:
        """A command line that goes on where this one stopped, with the same profile and place."""
        given = {"--profile": self.flags["profile"], "--base-url": self.flags["base_url"]}
        kept = [part for flag, value in given.items() if value is not None for part in (flag, value)]
        return shlex.join(["apikley", *words, *kept])


_SETTINGS = {
    "profile": (str | None, typer.Option("--profile", metavar="NAME", help="The profile of the settings file.")),
    "base_url": (str | None, typer.Option("--base-url", metavar="URL", help="Where the API is, if elsewhere.")),
    "api_key": (
        str | None,
        typer.Option("--api-key", metavar="KEY", help="The key. It shows in the process list: better not."),
    ),
}
_FORMAT = typer.Option("--output", help="How results are written to stdout.")


def command(
    function: Callable[..., None], *, extra: Sequence[inspect.Parameter] = (), settings: bool = True
) -> Callable[..., None]:
    """A function of a session as a function that Typer can make a command of.

    Args:
        function: Its first parameter is the session; the others are the command's own.
        extra: Further parameters, which it takes as keywords.
        settings: Whether it asks the service, and so takes the settings.
    """
    hints = get_type_hints(function, include_extras=True)
    _, *own = inspect.signature(function).parameters.values()
    named = [
        parameter.replace(annotation=hints[parameter.name])
        for parameter in own
        if parameter.kind is not parameter.VAR_KEYWORD
    ]
    common = [_keyword("output", Annotated[Format, _FORMAT], Format.TEXT)]
    if settings:
        common += [_keyword(name, Annotated[type_, option], None) for name, (type_, option) in _SETTINGS.items()]

    def call(**values: Any) -> None:
        flags = Flags(**{name: values.pop(name, None) for name in _SETTINGS})  # type: ignore[typeddict-item]
        said = Output(values.pop("output"), follow=values.get("follow", False))
        session = Session(said, flags)
        if flags["api_key"] is not None:
            said.note(KEY_ON_DISPLAY.format("--api-key", f"{API_KEY} or a profile"))
        try:
            function(session, **values)
        except BaseException as error:
            failure = failure_of(error)
            if failure is None or isinstance(error, BrokenPipeError):
                raise
            with _undisturbed(), suppress(OSError):
                said.failed(failure)
            raise typer.Exit(failure.code) from error

    parameters = [*extra, *named, *common]
    signature = inspect.Signature([each.replace(kind=each.KEYWORD_ONLY) for each in parameters])
    call.__signature__ = signature  # type: ignore[attr-defined]
    call.__annotations__ = {each.name: each.annotation for each in parameters}
    call.__doc__, call.__name__ = _help(function), function.__name__
    return call


def _help(function: Callable[..., None]) -> str:
    """The docstring, marked so that no line of an example is broken: half of it would be another command."""
    paragraphs = (inspect.getdoc(function) or "").split("\n\n")
    return "\n\n".join(f"\b\n{each}" if each.startswith(" ") else each for each in paragraphs)


@contextmanager
def _undisturbed() -> Iterator[None]:
    """What is said of a failure is said whole, however often Ctrl-C is pressed."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _keyword(name: str, annotation: Any, default: Any) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)
