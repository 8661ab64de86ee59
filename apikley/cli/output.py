"""Where words go: results to stdout, all else to stderr, and nothing moving without a terminal."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable
from datetime import timedelta
from enum import StrEnum
from typing import Any

import typer

from apikley.cli.exit_codes import Failure


class Format(StrEnum):
    """How results are written."""

    TEXT = "text"
    JSON = "json"


class Output:
    """What a command has to say.

    Args:
        format: How results are written.
        follow: Whether each change is a result, one line each.

    Attributes:
        so_far: What there is of the result, as a document and as lines; printed even if the command fails.
    """

    def __init__(self, format: Format, *, follow: bool = False) -> None:  # noqa: A002
        self.json = format is Format.JSON
        self.follow = follow
        self.so_far: tuple[dict[str, Any], list[str]] = ({}, [])

    @property
    def live(self) -> bool:
        """Whether lines that move are welcome: on a terminal, unless NO_COLOR is set."""
        return sys.stderr.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"

    @property
    def asks(self) -> bool:
        """Whether there is somebody to ask."""
        return not self.json and sys.stdin.isatty() and sys.stderr.isatty()

    def result(self, document: Any, lines: Iterable[str]) -> None:
        """The result, as a document or as lines."""
        if self.json:
            _write(_json(document, indent=None if self.follow else 2))
        else:
            for line in lines:
                _write(plain(line))

    def change(self, document: dict[str, Any], line: str) -> None:
        """One change of a task that is followed."""
        _write(_json(document) if self.json else plain(line))

    def note(self, message: str) -> None:
        """Something worth knowing that is no result."""
        print(plain(message), file=sys.stderr, flush=True)

    def failed(self, failure: Failure) -> None:
        """The end of a command that failed: what it has done so far, and what went wrong."""
        error = {
            "exit_code": int(failure.code),
            "kind": failure.code.name.lower(),
            "message": failure.message,
            **failure.facts,
            "hints": failure.hints,
        }
        document, lines = self.so_far
        try:
            self.result({**document, "error": error}, lines)
        finally:
            say(failure)


def say(failure: Failure) -> None:
    """A failure on stderr."""
    mark = typer.style("apikley:", fg="red") if sys.stderr.isatty() and not os.environ.get("NO_COLOR") else "apikley:"
    print(mark, plain(failure.message), file=sys.stderr)
    for hint in failure.hints:
        print(f"  {plain(hint)}", file=sys.stderr)


def plain(text: str) -> str:
    """A text without what would steer the terminal: some of it comes from the service."""
    return "".join(each if each.isprintable() or each in "\n\t" else "\ufffd" for each in text)


def pairs(**values: object) -> list[str]:
    """Names and values in two columns; what is None is left out."""
    shown = {name.replace("_", " "): value for name, value in values.items() if value is not None}
    width = max(map(len, shown), default=0)
    return [f"{name:<{width}}  {value}" for name, value in shown.items()]


def amount(number: float) -> str:
    """A number of credits for people, with every digit."""
    return str(number).removesuffix(".0")


def seconds(duration: timedelta | None) -> str | None:
    """A duration for people, for instance `2 min 5 s`."""
    if duration is None:
        return None
    minutes, rest = divmod(duration.total_seconds(), 60)
    return f"{minutes:.0f} min {rest:.0f} s" if minutes else f"{rest:.3g} s"


def _json(document: Any, indent: int | None = None) -> str:
    # Python writes NaN, which no other reader takes for JSON.
    strict = json.loads(json.dumps(document), parse_constant=lambda _: None)
    return json.dumps(strict, ensure_ascii=False, indent=indent, allow_nan=False)


def _write(line: str) -> None:
    # A value from the service may hold what this terminal's encoding does not have.
    encoding = sys.stdout.encoding or "utf-8"
    print(line.encode(encoding, "replace").decode(encoding), flush=True)
