"""Local files in the place of a file URL."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import apikley_contract
from apikley.errors import Violation

# A file's first bytes decide its type, because its name can be wrong.
_SIGNATURES: dict[str, Callable[[bytes], bool]] = {
    "image/jpeg": lambda head: head.startswith(b"\xff\xd8\xff"),
    "image/png": lambda head: head.startswith(b"\x89PNG\r\n\x1a\n"),
    "image/webp": lambda head: head.startswith(b"RIFF") and head[8:12] == b"WEBP",
}
UNKNOWN_TYPE = "application/octet-stream"


class LocalFile(os.PathLike[str]):
    """A local file, to be uploaded where a model's input takes a file URL.

    A plain string is never treated as a local file, so a string from a stranger cannot name one.

    Args:
        path: The path of the file.

    Example:
        Hailuo02ImageToVideoPro(prompt="A cat surfs", image_url=LocalFile("cat.png"))
    """

    __slots__ = ("_path",)

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = os.fspath(path)

    def __fspath__(self) -> str:
        return self._path

    def __repr__(self) -> str:
        return f"LocalFile({self._path!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, LocalFile) and self._path == other._path

    def __hash__(self) -> int:
        return hash((LocalFile, self._path))


class FileRule(NamedTuple):
    """What the contract says of the files that a field takes.

    Attributes:
        media_types: The accepted media types.
        max_bytes: The maximum size.
    """

    media_types: tuple[str, ...]
    max_bytes: int


class LocalFiles(NamedTuple):
    """A request and the local files in its input.

    Attributes:
        body: The request with a placeholder URL for each file.
        files: The files by field.
        violations: The files that are missing or not accepted.
    """

    body: dict[str, Any]
    files: dict[str, Path]
    violations: list[Violation]


def find_local_files(body: dict[str, Any]) -> LocalFiles:
    """Find and check the local files in a request's input."""
    input_ = body.get("input")
    if not isinstance(input_, dict):
        return LocalFiles(body, {}, [])
    files = {name: Path(value) for name, value in input_.items() if isinstance(value, os.PathLike)}
    violations: list[Violation] = []
    known_model = body.get("model") in [*apikley_contract.models()]
    for name, path in files.items() if known_model else ():
        rule = file_rules(body["model"]).get(name)
        if rule is None:
            violations.append(Violation(f"/input/{name}", "format", "text", "this field takes no file"))
        else:
            violations += _check_file(path, rule, f"/input/{name}")
    # The uploaded file's URL replaces the placeholder later.
    placeholders = dict.fromkeys(files, apikley_contract.openapi()["servers"][0]["url"])
    return LocalFiles({**body, "input": {**input_, **placeholders}} if files else body, files, violations)


def file_rules(model: str) -> dict[str, FileRule]:
    """Return the rules of a model's file fields, by field."""
    schema = apikley_contract.models()[model].input
    properties = apikley_contract.openapi()["components"]["schemas"][schema]["properties"]
    return {name: _rule(schema["x-file"]) for name, schema in properties.items() if "x-file" in schema}


def any_file_rule() -> FileRule:
    """Return what at least one field of one model accepts."""
    rules = [rule for model in apikley_contract.models() for rule in file_rules(model).values()]
    types = sorted({media_type for rule in rules for media_type in rule.media_types})
    return FileRule(tuple(types), max((rule.max_bytes for rule in rules), default=0))


def file_violations(media_type: str, size: int, rule: FileRule, pointer: str, name: str) -> list[Violation]:
    """Check a file's type and size."""
    found = []
    if media_type not in rule.media_types:
        message = f"{name} is {media_type} by its content, expected {' or '.join(rule.media_types)}"
        found.append(Violation(pointer, "media-types", rule.media_types, message))
    if size > rule.max_bytes:
        message = f"{name} has {size:,} bytes, at most {rule.max_bytes:,}"
        found.append(Violation(pointer, "max-bytes", rule.max_bytes, message))
    if size == 0:
        found.append(Violation(pointer, "max-bytes", rule.max_bytes, f"{name} is empty"))
    return found


def media_type_of(head: bytes) -> str:
    """Return the media type of a file by its first bytes."""
    return next((name for name, matches in _SIGNATURES.items() if matches(head)), UNKNOWN_TYPE)


def _rule(description: dict[str, Any]) -> FileRule:
    return FileRule(tuple(description["media-types"]), description["max-bytes"])


def _check_file(path: Path, rule: FileRule, pointer: str) -> list[Violation]:
    try:
        with path.open("rb") as file:
            head = file.read(16)
            size = path.stat().st_size
    except (OSError, ValueError) as error:  # ValueError: a path with a NUL
        message = f"{os.fspath(path)}: {getattr(error, 'strerror', None) or error}"
        return [Violation(pointer, "format", "file", message)]
    return file_violations(media_type_of(head), size, rule, pointer, path.name)
