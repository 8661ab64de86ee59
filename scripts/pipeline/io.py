"""Paths of the project, and reading and writing of its files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.constructor import SafeConstructor
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from scripts.pipeline.issues import error

ROOT = Path(__file__).resolve().parents[2]
OPENAPI = ROOT / "openapi"
GENERATED = ROOT / "generated"
# YAML aliases can expand without bounds.
_MAX_EXPANDED = 2_000_000


class _JsonConstructor(SafeConstructor):
    """YAML 1.2's core schema: no timestamps (a date in an example is a string), no merge keys, no 1_000."""

    def flatten_mapping(self, node: Any) -> Any:
        """Merge nothing, so that a merge key is an unknown tag."""

    def construct_number(self, node: Any) -> Any:
        if "_" in node.value:
            return self.construct_yaml_str(node)
        return self.construct_yaml_int(node) if node.tag.endswith(":int") else self.construct_yaml_float(node)


_JsonConstructor.add_constructor("tag:yaml.org,2002:timestamp", SafeConstructor.construct_yaml_str)
for _number in ("int", "float"):
    _JsonConstructor.add_constructor(f"tag:yaml.org,2002:{_number}", _JsonConstructor.construct_number)


def parse_yaml(text: str, where: str, first_line: int = 1) -> Any:
    """Parse YAML 1.2 as JSON data.

    Args:
        text: The YAML.
        where: Its name in errors.
        first_line: The line of `where` on which `text` begins.
    """
    yaml = YAML(typ="safe", pure=True)
    yaml.Constructor = _JsonConstructor
    try:
        return _encodable(json.loads(_bounded_json(yaml.load(text)), object_pairs_hook=_unique))
    except MarkedYAMLError as caught:
        mark = caught.problem_mark or caught.context_mark
        line = f", line {mark.line + first_line}" if mark else ""
        raise error(f"{where}{line}", f"broken YAML: {caught.problem or caught.context}") from None
    except (YAMLError, AttributeError, LookupError, TypeError, ValueError, RecursionError) as caught:
        raise error(where, f"cannot be read as JSON data: {' '.join(str(caught).split())}") from None


def parse_json(text: str, where: str) -> Any:
    """Parse JSON, without duplicate keys, infinite numbers and lone surrogates."""
    try:
        return _encodable(json.loads(text, object_pairs_hook=_unique))
    except (ValueError, RecursionError) as caught:
        raise error(where, f"broken JSON: {caught}") from None


def _bounded_json(document: object) -> str:
    parts, size = [], 0
    for part in json.JSONEncoder(allow_nan=False).iterencode(document):
        parts.append(part)
        size += len(part)
        if size > _MAX_EXPANDED:
            msg = f"it expands to more than {_MAX_EXPANDED:,} characters of JSON"
            raise ValueError(msg)
    return "".join(parts)


def _encodable(document: Any) -> Any:
    """Return JSON data; raise ValueError if it is not valid JSON or contains a lone surrogate."""
    json.dumps(document, ensure_ascii=False, allow_nan=False).encode()
    return document


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object; raise ValueError for a duplicate key."""
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        msg = f"the key {next(name for name in names if names.count(name) > 1)!r} occurs twice in one object"
        raise ValueError(msg)
    return found


def read(path: Path) -> str:
    """Read a UTF-8 text file."""
    return decode(read_bytes(path), str(path))


def read_bytes(path: Path) -> bytes:
    """Read a file."""
    try:
        return path.read_bytes()
    except OSError as caught:
        raise error(str(path), f"cannot be read: {caught.strerror}") from None


def printable(text: object) -> str:
    """Return a text without characters that would control a terminal. Some text comes from pages."""
    return "".join(char if char.isprintable() or char in "\n\t" else "\ufffd" for char in str(text))


def decode(content: bytes, where: str) -> str:
    """Decode UTF-8 text."""
    try:
        return content.decode()
    except UnicodeDecodeError as caught:
        raise error(where, f"is not UTF-8 text: {caught.reason} at byte {caught.start}") from None


def read_document(path: Path) -> Any:
    """Read a JSON or YAML file, depending on its suffix."""
    parse = parse_json if path.suffix == ".json" else parse_yaml
    return parse(read(path), display_path(path))


def dump(document: object) -> str:
    """Return JSON text in the project's format."""
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def display_path(path: Path) -> str:
    """Return a path for messages, relative to the project if possible."""
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else str(path)
