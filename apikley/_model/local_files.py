"""Files of this machine that stand where the contract wants a URL."""

from __future__ import annotations

from collections.abc import Callable
from os import PathLike, fspath
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import apikley_contract
from apikley.errors import Violation

# What a file begins with tells what it is; a name can lie.
_SIGNATURES: dict[str, Callable[[bytes], bool]] = {
    "image/jpeg": lambda head: head.startswith(b"\xff\xd8\xff"),
    "image/png": lambda head: head.startswith(b"\x89PNG\r\n\x1a\n"),
    "image/webp": lambda head: head.startswith(b"RIFF") and head[8:12] == b"WEBP",
}
UNKNOWN_TYPE = "application/octet-stream"


class LocalFile(str):
    """The name of a local file, to be uploaded where a model's input wants a URL.

    A name of its own, so that a string that came from a stranger is never taken for a file here.

    Example:
        Hailuo02ImageToVideoPro(prompt="…", image_url=LocalFile("cat.png"))
    """

    __slots__ = ()


class Rule(NamedTuple):
    """What the contract says of the files that a field takes.

    Attributes:
        media_types: The types it takes.
        max_bytes: How large they may be.
    """

    media_types: tuple[str, ...]
    max_bytes: int


class Source(NamedTuple):
    """Something to upload.

    Attributes:
        name: The file name to give it.
        media_type: What it is, by its first bytes.
        size: In bytes.
        file: Open for reading, at its start.
    """

    name: str
    media_type: str
    size: int
    file: BinaryIO


class LocalFiles(NamedTuple):
    """A request, and the local files that its input names.

    Attributes:
        body: The request as it can be validated, with a placeholder for each file.
        files: The files by field.
        findings: Which of them are missing, or not what their field takes.
    """

    body: dict[str, Any]
    files: dict[str, Path]
    findings: list[Violation]


def local_files(body: dict[str, Any]) -> LocalFiles:
    """Find the local files that a request's input names, and look at them."""
    input_ = body.get("input")
    if not isinstance(input_, dict):
        return LocalFiles(body, {}, [])
    files = {name: Path(value) for name, value in input_.items() if isinstance(value, PathLike | LocalFile)}
    findings: list[Violation] = []
    known = body.get("model") in [*apikley_contract.models()]  # if not, the validation says so
    for name, path in files.items() if known else ():
        rule = rules(body["model"]).get(name)
        if rule is None:
            findings.append(Violation(f"/input/{name}", "format", "text", "takes no file"))
        else:
            findings += _examined(path, rule, f"/input/{name}")
    # The upload's own answer takes its place; any URL stands for it until then.
    placeholders = dict.fromkeys(files, apikley_contract.openapi()["servers"][0]["url"])
    return LocalFiles({**body, "input": {**input_, **placeholders}} if files else body, files, findings)


def rules(model: str) -> dict[str, Rule]:
    """The rules of a model's fields that take files, by field."""
    schema = apikley_contract.models()[model].input
    properties = apikley_contract.openapi()["components"]["schemas"][schema]["properties"]
    return {name: _rule(schema["x-file"]) for name, schema in properties.items() if "x-file" in schema}


def any_rule() -> Rule:
    """What at least one field of one model takes."""
    every = [rule for model in apikley_contract.models() for rule in rules(model).values()]
    types = sorted({media_type for rule in every for media_type in rule.media_types})
    return Rule(tuple(types), max((rule.max_bytes for rule in every), default=0))


def broken(media_type: str, size: int, rule: Rule, pointer: str, name: str) -> list[Violation]:
    """How a file breaks a rule."""
    found = []
    if media_type not in rule.media_types:
        message = f"{name} is none of {', '.join(rule.media_types)} by its content"
        found.append(Violation(pointer, "media-types", rule.media_types, message))
    if size > rule.max_bytes:
        message = f"{name} has {size:,} bytes, at most {rule.max_bytes:,}"
        found.append(Violation(pointer, "max-bytes", rule.max_bytes, message))
    if size == 0:
        found.append(Violation(pointer, "max-bytes", rule.max_bytes, f"{name} is empty"))
    return found


def media_type_of(head: bytes) -> str:
    """The type of a file by its first bytes."""
    return next((name for name, fits in _SIGNATURES.items() if fits(head)), UNKNOWN_TYPE)


def _rule(description: dict[str, Any]) -> Rule:
    return Rule(tuple(description["media-types"]), description["max-bytes"])


def _examined(path: Path, rule: Rule, pointer: str) -> list[Violation]:
    try:
        with path.open("rb") as file:
            head = file.read(16)
            size = path.stat().st_size
    except (OSError, ValueError) as error:  # a name may be none, too
        return [Violation(pointer, "format", "file", f"{fspath(path)}: {getattr(error, 'strerror', None) or error}")]
    return broken(media_type_of(head), size, rule, pointer, path.name)
