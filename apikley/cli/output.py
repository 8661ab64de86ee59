"""Writes results to stdout and everything else to stderr."""

from __future__ import annotations

import json
import os
import sys
from datetime import timedelta
from typing import Any

import click

from apikley.cli.exit_codes import Failure


class Output:
    """The output of one command.

    Args:
        json: Whether results are JSON documents.
        follow: Whether each change of a task is a result of its own, on one line.
    """

    def __init__(self, *, json: bool, follow: bool = False) -> None:
        self.json = json
        self.follow = follow
        self.partial_result: tuple[dict[str, Any], list[str]] = ({}, [])

    @property
    def animated(self) -> bool:
        """Whether stderr can show a progress line that changes."""
        return sys.stderr.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"

    @property
    def can_ask(self) -> bool:
        """Whether a user can answer a question."""
        return not self.json and sys.stdin.isatty() and sys.stderr.isatty()

    def result(self, document: dict[str, Any], lines: list[str]) -> None:
        """Set the result, as a document and as lines. It is printed at the end, even if the command fails."""
        self.partial_result = document, lines

    def change(self, document: dict[str, Any], line: str) -> None:
        """Print one change of a task."""
        _write(_json(document) if self.json else printable(line))

    def note(self, message: str) -> None:
        """Print a message to stderr."""
        print(printable(message), file=sys.stderr, flush=True)

    def finish(self, failure: Failure | None = None) -> None:
        """Print the result, and the failure if there is one."""
        document, lines = self.partial_result
        if failure:
            error = {"exit_code": int(failure.code), "kind": failure.code.name.lower(), "message": failure.message}
            document = {**document, "error": {**error, **failure.facts, "hints": failure.hints}}
        try:
            if self.json:
                lines = [_json(document, indent=None if self.follow else 2)] if document else []
            for line in lines:
                _write(line if self.json else printable(line))
        finally:
            if failure:
                print_failure(failure)


def print_failure(failure: Failure) -> None:
    """Print a failure to stderr."""
    colored = sys.stderr.isatty() and not os.environ.get("NO_COLOR")
    print(click.style("apikley:", fg="red") if colored else "apikley:", printable(failure.message), file=sys.stderr)
    for hint in failure.hints:
        print(f"  {printable(hint)}", file=sys.stderr)


def printable(text: str) -> str:
    """Replace characters that would control the terminal. Some text comes from the service."""
    return "".join(char if char.isprintable() or char in "\n\t" else "\ufffd" for char in text)


def columns(**values: object) -> list[str]:
    """Return names and values in two columns, without the values that are None."""
    shown = {name.replace("_", " "): value for name, value in values.items() if value is not None}
    width = max(map(len, shown), default=0)
    return [f"{name:<{width}}  {value}" for name, value in shown.items()]


def format_credits(number: float) -> str:
    """Return a number of credits with every digit."""
    return str(number).removesuffix(".0")


def format_duration(duration: timedelta | None) -> str | None:
    """Return a duration as text, for instance `2 min 5 s`."""
    if duration is None:
        return None
    minutes, seconds = divmod(duration.total_seconds(), 60)
    return f"{minutes:.0f} min {seconds:.0f} s" if minutes else f"{seconds:.3g} s"


def _json(document: Any, indent: int | None = None) -> str:
    # Python writes NaN, which JSON does not have.
    strict = json.loads(json.dumps(document), parse_constant=lambda _: None)
    document = json.dumps(strict, ensure_ascii=False, indent=indent)
    # A terminal would obey control characters and change the direction of text. Some text comes from the service.
    return "".join(char if char.isprintable() or char == "\n" else json.dumps(char)[1:-1] for char in document)


def _write(line: str) -> None:
    # The terminal's encoding may lack a character that the service sent.
    encoding = sys.stdout.encoding or "utf-8"
    print(line.encode(encoding, "replace").decode(encoding), flush=True)
