"""Reads request bodies and long values from files and stdin; raises RequestInvalid if that fails."""

from __future__ import annotations

import json
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from apikley.errors import RequestInvalid, Violation

_MAX_TEXT = 16 * 1024 * 1024


def read_body(file: str) -> dict[str, Any]:
    """Read a request body from a file, or from stdin for `-`."""
    name = "stdin" if file == "-" else file
    body = parse_json(read_text(file), name=name)
    if not isinstance(body, dict):
        raise RequestInvalid([Violation("", "type", "object", f"{name} is not a JSON object")])
    return body


def expand_text(given: str, pointer: str) -> str:
    """Return a text or, for `@FILE`, the content of a file. `@@` is a text that starts with `@`."""
    if not given.startswith("@"):
        return given
    return given[1:] if given.startswith("@@") else read_text(given[1:], pointer).replace("\r\n", "\n").rstrip("\n")


def read_text(name: str, pointer: str = "") -> str:
    """Read a text from a file or pipe, or from stdin for `-`."""
    shown = "stdin" if name == "-" else name
    try:
        with nullcontext(sys.stdin.buffer) if name == "-" else Path(name).open("rb") as file:
            content = file.read(_MAX_TEXT + 1)  # a device may never end
        if len(content) > _MAX_TEXT:
            message = f"{shown} is larger than {_MAX_TEXT:,} bytes"
            raise RequestInvalid([Violation(pointer, "maxLength", _MAX_TEXT, message)])
        return content.decode("utf-8-sig")
    except OSError as error:
        raise RequestInvalid([Violation(pointer, "format", "file", f"{shown}: {error.strerror}")]) from error
    except ValueError as error:
        raise RequestInvalid(
            [Violation(pointer, "format", "UTF-8", f"{shown} is not UTF-8 text; save it as UTF-8")]
        ) from error


def parse_json(text: str, pointer: str = "", name: str = "") -> Any:
    """Parse JSON."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        message = f"{name} is not JSON: {error}".lstrip()
        raise RequestInvalid([Violation(pointer, "format", "JSON", message)]) from error
