"""Paths of the project, and reading and writing of its files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.constructor import ConstructorError, SafeConstructor
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from scripts.pipeline.issues import Issue, SpecError

ROOT = Path(__file__).resolve().parents[2]
OPENAPI = ROOT / "openapi"
GENERATED = ROOT / "generated"
# Aliases and merges of YAML can expand without bounds. Limits: characters of the document as JSON, and keys
# of one object.
LARGEST = 2_000_000
_MOST_KEYS = 10_000


class _JsonConstructor(SafeConstructor):
    """YAML 1.2's core schema: no timestamps (a date in an example is a string), and no 1_000."""

    def flatten_mapping(self, node: Any) -> Any:
        merged = super().flatten_mapping(node)
        if len(node.value) > _MOST_KEYS:
            raise ConstructorError(None, None, f"more than {_MOST_KEYS:,} keys are merged", node.start_mark)
        return merged

    def construct_number(self, node: Any) -> Any:
        if "_" in node.value:
            return self.construct_yaml_str(node)
        return self.construct_yaml_int(node) if node.tag.endswith(":int") else self.construct_yaml_float(node)


_JsonConstructor.add_constructor("tag:yaml.org,2002:timestamp", SafeConstructor.construct_yaml_str)
for _number in ("int", "float"):
    _JsonConstructor.add_constructor(f"tag:yaml.org,2002:{_number}", _JsonConstructor.construct_number)


def parse_yaml(text: str, where: str, first_line: int = 1) -> Any:
    """Read YAML 1.2 as JSON data.

    Args:
        text: The YAML.
        where: Its name in errors.
        first_line: The line of `where` on which `text` begins.

    Raises:
        SpecError: It is not YAML, or contains values that JSON does not have.
    """
    yaml = YAML(typ="safe", pure=True)
    yaml.Constructor = _JsonConstructor
    try:
        return _without_surrogates(json.loads(_json_text(yaml.load(text)), object_pairs_hook=_unique))
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f", line {mark.line + first_line}" if mark else ""
        raise SpecError(Issue(f"{where}{line}", f"broken YAML: {error.problem or error.context}")) from None
    except (YAMLError, AttributeError, LookupError, TypeError, ValueError, RecursionError) as error:
        raise SpecError(Issue(where, f"cannot be read as JSON data: {' '.join(str(error).split())}")) from None


def parse_json(text: str, where: str) -> Any:
    """Read JSON.

    Raises:
        SpecError: It is not JSON, or contains a lone surrogate.
    """
    try:
        document = json.loads(text, object_pairs_hook=_unique, parse_constant=_no_constant)
        _json_text(document)
        return _without_surrogates(document)
    except (ValueError, RecursionError) as error:
        raise SpecError(Issue(where, f"broken JSON: {error}")) from None


def _json_text(document: object) -> str:
    """Return data as JSON text; raise ValueError if it is not JSON or too large."""
    parts, size = [], 0
    for part in json.JSONEncoder(allow_nan=False).iterencode(document):
        parts.append(part)
        size += len(part)
        if size > LARGEST:
            msg = f"it expands to more than {LARGEST:,} characters of JSON"
            raise ValueError(msg)
    return "".join(parts)


def _without_surrogates(document: Any) -> Any:
    """Return JSON data; raise ValueError if it contains a lone surrogate, which UTF-8 cannot encode."""
    text = json.dumps(document, ensure_ascii=False)
    try:
        text.encode()
    except UnicodeEncodeError as error:
        before = text[max(error.start - 40, 0) : error.start]
        msg = f"{text[error.start]!r} is a lone surrogate, after {before!r}"
        raise ValueError(msg) from None
    return document


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object; raise ValueError for a duplicate key."""
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        msg = f"the key {next(name for name in names if names.count(name) > 1)!r} occurs twice in one object"
        raise ValueError(msg)
    return found


def _no_constant(name: str) -> Any:
    msg = f"{name} is not JSON"
    raise ValueError(msg)


def read(path: Path) -> str:
    """Read a text file.

    Raises:
        SpecError: It cannot be read.
    """
    return decode(read_bytes(path), str(path))


def read_bytes(path: Path) -> bytes:
    """Read a file.

    Raises:
        SpecError: It cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise SpecError(Issue(str(path), f"cannot be read: {error.strerror}")) from None


def decode(content: bytes, where: str) -> str:
    """Decode UTF-8 text.

    Raises:
        SpecError: It is not UTF-8.
    """
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise SpecError(Issue(where, f"is not UTF-8 text: {error.reason} at byte {error.start}")) from None


def read_document(path: Path) -> Any:
    """Read a JSON or YAML file, by its suffix."""
    parse = parse_json if path.suffix == ".json" else parse_yaml
    return parse(read(path), shown(path))


def dump(document: object) -> str:
    """Return JSON text in the project's format."""
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def shown(path: Path) -> str:
    """Return a path for messages, relative to the project if possible."""
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else str(path)
