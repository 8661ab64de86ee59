"""Writes results to stdout and everything else to stderr."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any

import click

from apikley._model.texts import printable as printable  # noqa: PLC0414 - for the other modules of the command line
from apikley.cli.exit_codes import Failure


class Output:
    """The output of one command.

    Args:
        json: Whether results are JSON documents.
        follow: Whether each change of a task is a result of its own, on one line.
        quiet: Whether only the result is printed.

    Attributes:
        task_id: The task that the command is about, for errors.
        goes_on: Whether the command goes on when nobody reads its standard output any more, because a task is paid.
    """

    def __init__(self, *, json: bool, follow: bool = False, quiet: bool = False) -> None:
        self.json = json
        self.follow = follow
        self.quiet = quiet
        self.task_id: str | None = None
        self.goes_on = False
        self._is_closed = False
        self.partial_result: tuple[dict[str, Any], list[str]] = ({}, [])

    @property
    def animated(self) -> bool:
        """Whether stderr can show a progress line that changes."""
        is_plain = self.quiet or os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
        return sys.stderr.isatty() and not is_plain

    @property
    def can_ask(self) -> bool:
        """Whether a user can answer a question."""
        return not self.json and sys.stdin.isatty() and sys.stderr.isatty()

    def result(self, document: dict[str, Any], lines: list[str]) -> None:
        """Set the result, as a document and as lines. It is printed at the end, even if the command fails."""
        self.partial_result = document, lines

    def change(self, document: dict[str, Any], line: str) -> None:
        """Print one change of a task."""
        self._write(_json(document) if self.json else printable(line))

    def note(self, message: str) -> None:
        """Print a message to stderr."""
        if self.quiet:
            return
        print(printable(message), file=sys.stderr, flush=True)

    def finish(self, failure: Failure | None = None) -> None:
        """Print the result, and the failure if there is one."""
        document, lines = self.partial_result
        if failure:
            error = {"exit_code": int(failure.code), "kind": failure.code.name.lower(), "message": failure.message}
            about = {"task_id": self.task_id} if self.task_id and "task_ids" not in failure.facts else {}
            document = {**document, "error": {**error, **about, **failure.facts, "hints": failure.hints}}
        try:
            if self.json:
                lines = [_json(document, indent=None if self.follow else 2)] if document else []
            for line in lines:
                self._write(line if self.json else printable(line))
        finally:
            if failure:
                print_failure(failure)

    def _write(self, line: str) -> None:
        """Print a line of the result. If nobody reads stdout any more, the command goes on, and stderr gets it."""
        if not self._is_closed:
            try:
                return _write(line)
            except BrokenPipeError:
                if not self.goes_on:
                    raise
                self._is_closed = True
                os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        print(line, file=sys.stderr, flush=True)
        return None


def print_failure(failure: Failure) -> None:
    """Print a failure to stderr."""
    colored = sys.stderr.isatty() and not os.environ.get("NO_COLOR")
    print(click.style("apikley:", fg="red") if colored else "apikley:", printable(failure.message), file=sys.stderr)
    for hint in failure.hints:
        print(f"  {printable(hint)}", file=sys.stderr)


def columns(**values: object) -> list[str]:
    """Return names and values in two columns, without the values that are None."""
    shown = {name.replace("_", " "): value for name, value in values.items() if value is not None}
    width = max(map(len, shown), default=0)
    return [f"{name:<{width}}  {value}" for name, value in shown.items()]


def table(names: Sequence[str], rows: Iterable[tuple[object, ...]]) -> list[str]:
    """Return rows as lines with aligned columns under their names."""
    cells = [[name.replace("_", " ") for name in names]]
    cells += [["" if cell is None else str(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return ["  ".join(map(str.ljust, row, widths)).rstrip() for row in cells]


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
