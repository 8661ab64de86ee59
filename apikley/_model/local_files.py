"""Local files in the place of a file URL."""

from __future__ import annotations

import errno
import mimetypes
import os
import stat
from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import apikley_contract
from apikley.errors import Violation

UNKNOWN_TYPE = "application/octet-stream"
HEAD_SIZE = 8192  # bytes that decide the type
_OTHER_NAMES = {"jpg": "jpeg", "mp3": "mpeg", "wave": "wav", "vnd.wave": "wav", "m4a": "mp4", "mov": "quicktime"}
_OTHER_NAMES |= {"msvideo": "avi", "tif": "tiff", "ms-bmp": "bmp"}

# Steps into an input: names of fields and indexes of lists.
Place = tuple[str | int, ...]


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
        media_types: The accepted media types, such as `image/png` or `image/*`; empty for any type.
        max_bytes: The maximum size; None for any size.
    """

    media_types: tuple[str, ...] = ()
    max_bytes: int | None = None


class LocalFiles(NamedTuple):
    """A request and the local files in its input.

    Attributes:
        body: The request with a placeholder URL for each file.
        files: The files by their place in the input, such as `("image_urls", 0)`.
        violations: The files that are missing or not accepted.
    """

    body: dict[str, Any]
    files: dict[Place, Path]
    violations: list[Violation]


def check_file(path: Path, rule: FileRule, pointer: str) -> list[Violation]:
    """Check a file's existence, type and size."""
    try:
        with open_regular(path) as file:
            head = file.read(HEAD_SIZE)
            size = path.stat().st_size
    except (OSError, ValueError) as error:  # ValueError: a path with a NUL
        message = f"{os.fspath(path)}: {getattr(error, 'strerror', None) or error}"
        return [Violation(pointer, "format", "file", message)]
    return file_violations(media_type_of(head, path.name), size, rule, pointer, path.name)


FileCheck = Callable[[Path, FileRule, str], list[Violation]]


def find_local_files(body: dict[str, Any], check: FileCheck = check_file) -> LocalFiles:
    """Find and check the local files in a request's input."""
    input_ = body.get("input")
    files = {place: Path(file) for place, file in _files_in(input_, ())}
    if not files:
        return LocalFiles(body, {}, [])
    violations: list[Violation] = []
    model = apikley_contract.models().get(str(body.get("model")))
    schema = apikley_contract.openapi()["components"]["schemas"][model.input] if model else None
    for place, path in files.items() if schema else ():
        pointer = "".join(f"/{step}" for step in ("input", *place))
        rule = _rule_at(schema or {}, place)
        if rule is None:
            violations.append(Violation(pointer, "format", "text", "this field takes no file"))
        else:
            violations += check(path, rule, pointer)
    # The uploaded file's URL replaces the placeholder later.
    url = apikley_contract.openapi()["servers"][0]["url"]
    return LocalFiles({**body, "input": with_urls(input_, dict.fromkeys(files, url))}, files, violations)


def with_urls(input_: Any, urls: Mapping[Place, str]) -> Any:
    """Return a copy of an input with a URL at each of these places."""
    if () in urls:
        return urls[()]
    steps = {place[0] for place in urls}
    inner = {step: {place[1:]: url for place, url in urls.items() if place[0] == step} for step in steps}
    if isinstance(input_, Mapping):
        return {name: with_urls(value, inner[name]) if name in inner else value for name, value in input_.items()}
    return [with_urls(value, inner[index]) if index in inner else value for index, value in enumerate(input_)]


def _files_in(value: object, place: Place) -> Iterator[tuple[Place, os.PathLike[str]]]:
    if isinstance(value, os.PathLike):
        yield place, value
    elif isinstance(value, Mapping):
        for name, item in value.items():
            yield from _files_in(item, (*place, name))
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from _files_in(item, (*place, index))


def _rule_at(schema: dict[str, Any], place: Place) -> FileRule | None:
    for step in place:
        inner = schema.get("items") if isinstance(step, int) else schema.get("properties", {}).get(step)
        if not isinstance(inner, dict):
            return None
        schema = inner
    return _rule(schema["x-file"]) if "x-file" in schema else None


def any_file_rule() -> FileRule:
    """Return what at least one field of one model accepts."""
    schemas = apikley_contract.openapi()["components"]["schemas"]
    rules = [rule for model in apikley_contract.models().values() for rule in _rules_in(schemas[model.input])]
    types = {media_type for rule in rules for media_type in rule.media_types}
    is_any = any(not rule.media_types for rule in rules)
    sizes = [rule.max_bytes for rule in rules]
    largest = None if None in sizes else max((size for size in sizes if size is not None), default=0)
    return FileRule(() if is_any else tuple(sorted(types)), largest)


def _rules_in(schema: object) -> Iterator[FileRule]:
    if isinstance(schema, list):
        for item in schema:
            yield from _rules_in(item)
    if isinstance(schema, dict):
        if "x-file" in schema:
            yield _rule(schema["x-file"])
        for item in schema.values():
            yield from _rules_in(item)


def file_violations(media_type: str, size: int, rule: FileRule, pointer: str, name: str) -> list[Violation]:
    """Check a file's type and size."""
    found = []
    if rule.media_types and not any(_matches(media_type, accepted) for accepted in rule.media_types):
        message = f"{name} is {media_type}, expected {' or '.join(rule.media_types)}"
        found.append(Violation(pointer, "media-types", rule.media_types, message))
    if rule.max_bytes is not None and size > rule.max_bytes:
        message = f"{name} has {size:,} bytes, at most {rule.max_bytes:,}"
        found.append(Violation(pointer, "max-bytes", rule.max_bytes, message))
    if size == 0:
        found.append(Violation(pointer, "max-bytes", rule.max_bytes, f"{name} is empty"))
    return found


def media_type_of(head: bytes, name: str) -> str:
    """Return the media type of a file.

    The first bytes decide, because the name can be wrong. Without the `filetype` package the name decides.

    Args:
        head: The first `HEAD_SIZE` bytes.
        name: The file's name.
    """
    try:
        filetype = import_module("filetype")  # slow to import, and an extra
    except ModuleNotFoundError:
        return mimetypes.guess_type(name)[0] or UNKNOWN_TYPE
    return str(filetype.guess_mime(head) or UNKNOWN_TYPE)


def _matches(media_type: str, accepted: str) -> bool:
    given, expected = map(_canonical, (media_type, accepted))
    return given == expected or (expected.endswith("/*") and given.startswith(expected[:-1]))


def _canonical(media_type: str) -> str:
    """Return one of the names that a media type has: `audio/wav` for `audio/x-wav` and `audio/wave`."""
    kind, _, name = media_type.lower().partition("/")
    name = name.removeprefix("x-")
    return f"{kind}/{_OTHER_NAMES.get(name, name)}"


def _rule(description: dict[str, Any]) -> FileRule:
    return FileRule(tuple(description.get("media-types", ())), description.get("max-bytes"))


def open_regular(path: Path) -> BinaryIO:
    """Open a file for reading. A pipe or a device is refused: opening or reading one may never end.

    Raises:
        OSError: It cannot be opened, or is no regular file.
    """
    mode = path.stat().st_mode
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):  # opening a folder has a message of its own
        raise OSError(errno.EINVAL, "not a regular file but a pipe or a device; save it as a file first", str(path))
    return path.open("rb")
