"""The output of `apikley-mock serve`: one line for each request and each callback, on the standard error output."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from datetime import datetime
from typing import Literal

from apikley_mock.journal.entry import Entry

Format = Literal["text", "json"]
_DIM, _GREEN, _YELLOW, _RED, _BOLD_RED = "2", "32", "33", "31", "1;31"


def console(form: Format) -> Callable[[Entry], None]:
    """Return what prints an entry."""
    colored = form == "text" and sys.stderr.isatty() and not os.environ.get("NO_COLOR")

    def write(entry: Entry) -> None:
        try:
            print(_json(entry) if form == "json" else text_line(entry, colored=colored), file=sys.stderr, flush=True)
        except (OSError, ValueError, AttributeError):  # nobody reads it any more
            sys.stderr = None

    return write


def text_line(entry: Entry, *, colored: bool) -> str:
    """Return an entry as a line: time, method, path, code, task, duration and note."""

    def paint(text: str, color: str) -> str:
        return f"\x1b[{color}m{text}\x1b[0m" if colored else text

    moment = paint(datetime.fromtimestamp(entry.at).strftime("%H:%M:%S"), _DIM)  # noqa: DTZ006 - the reader's time
    note, task = _printable(entry.note), entry.task_id or ""
    if entry.kind == "callback" and entry.status is None and entry.note.startswith("not sent"):
        return f"{moment}  {paint('CALLBACK NOT SENT', _BOLD_RED)} to {_printable(entry.target)}  {task}  {note}"
    code = entry.code if entry.code is not None else entry.status
    shown = paint(f"{code or '---'}", _color(entry))
    what = f"callback to {_printable(entry.target)}" if entry.kind == "callback" else f"{entry.method} {entry.target}"
    parts = [moment, _printable(what), shown, task, paint(f"{entry.took * 1000:.0f} ms", _DIM), note]
    return "  ".join(part for part in parts if part)


def _color(entry: Entry) -> str:
    code = entry.code or entry.status or 0
    if code == 200:
        return _GREEN
    return _YELLOW if 400 <= code < 500 else _RED


def _json(entry: Entry) -> str:
    names = ("at", "kind", "method", "target", "status", "code", "task_id", "account", "took", "note", "number")
    return json.dumps({name: getattr(entry, name) for name in names})


def _printable(text: str) -> str:
    return "".join(char if char.isprintable() else "\ufffd" for char in text)
