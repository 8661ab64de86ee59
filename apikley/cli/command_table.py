"""Which commands there are, and how each is loaded when it is called."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import typer

_HERE = "apikley.cli.commands"


class Command(NamedTuple):
    """One command, before it is loaded.

    Attributes:
        help: What the list of commands says of it.
        load: Makes it; gets its name and what follows the name on the command line.
    """

    help: str
    load: Callable[[str, Sequence[str]], Any]


def _plain(module: str, function: str) -> Callable[[str, Sequence[str]], Any]:
    """A function of a session."""

    def load(name: str, _: Sequence[str]) -> Any:
        from apikley.cli.session import command  # noqa: PLC0415 - when it is called

        return _made(name, command(getattr(importlib.import_module(f"{_HERE}.{module}"), function)))

    return load


def _with_fields(function: str) -> Callable[[str, Sequence[str]], Any]:
    """The same with the options of a model."""

    def load(name: str, arguments: Sequence[str]) -> Any:
        from apikley.cli.commands import run as _make  # noqa: PLC0415 - when it is called

        return _made(name, _make.with_fields(getattr(_make, function), arguments))

    return load


def _inbox(*_: Any) -> Any:
    from apikley.cli.commands import inbox as _inbox  # noqa: PLC0415 - when it is called

    return typer.main.get_command(_inbox.group())


def _mock(name: str, _: Sequence[str]) -> Any:
    def mock(context: typer.Context) -> None:
        from apikley.cli.commands.mock import become  # noqa: PLC0415 - when it is called

        become(context.args)

    everything = {"ignore_unknown_options": True, "allow_extra_args": True}
    return _made(name, mock, context_settings=everything, add_help_option=False)


def _made(name: str, function: Callable[..., None], **options: Any) -> Any:
    app = typer.Typer(add_completion=False, rich_markup_mode=None)
    app.command(name, **options)(function)
    return typer.main.get_command(app)


COMMANDS: dict[str, Command] = {
    "run": Command("Make a video: create a task, wait for it, and download the result.", _with_fields("run")),
    "create": Command("Create a task, print its id, and wait for nothing.", _with_fields("create")),
    "wait": Command("Wait for tasks, and download their results if -o says where to.", _plain("tasks", "wait")),
    "task": Command("Look at a task once.", _plain("tasks", "task")),
    "download": Command("Download the result of a task that has ended.", _plain("tasks", "download")),
    "upload": Command("Upload a file, and print its URL.", _plain("upload", "upload")),
    "credits": Command("Print what the account has left.", _plain("upload", "credits_left")),
    "models": Command("List the models with their fields, limits and defaults.", _plain("models", "models")),
    "check": Command("Hold a request body to the contract; sends nothing.", _plain("models", "check")),
    "doctor": Command("Find out what is in the way: settings, key, connection, clock.", _plain("doctor", "doctor")),
    "listen": Command("Bring callbacks to a machine that the internet cannot reach.", _plain("listen", "listen")),
    "inbox": Command("Look into a receiver's inbox, and replay what is dead.", _inbox),
    "mock": Command("Run the simulator: hands over to `apikley-mock`.", _mock),
}
