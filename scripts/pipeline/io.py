"""Where the pipeline's files are, and how they are read and written."""

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
# YAML's aliases and merges can stand for far more than their text: the most characters of a document
# written as JSON, and the most keys of one object.
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
        where: What to call it in an error.
        first_line: The line of `where` on which `text` begins.

    Raises:
        SpecError: It is not YAML, or holds what JSON cannot.
    """
    yaml = YAML(typ="safe", pure=True)
    yaml.Constructor = _JsonConstructor
    try:
        return _whole(json.loads(_written(yaml.load(text)), object_pairs_hook=_unique))
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f", line {mark.line + first_line}" if mark else ""
        raise SpecError(Issue(f"{where}{line}", f"broken YAML: {error.problem or error.context}")) from None
    except (YAMLError, AttributeError, LookupError, TypeError, ValueError, RecursionError) as error:
        raise SpecError(Issue(where, f"cannot be read as JSON data: {' '.join(str(error).split())}")) from None


def parse_json(text: str, where: str) -> Any:
    """Read JSON.

    Raises:
        SpecError: It is not JSON, or no UTF-8 could hold it.
    """
    try:
        document = json.loads(text, object_pairs_hook=_unique, parse_constant=_no_constant)
        _written(document)
        return _whole(document)
    except (ValueError, RecursionError) as error:
        raise SpecError(Issue(where, f"broken JSON: {error}")) from None


def _written(document: object) -> str:
    """Data as JSON text, unless it is no JSON, or too large."""
    parts, size = [], 0
    for part in json.JSONEncoder(allow_nan=False).iterencode(document):
        parts.append(part)
        size += len(part)
        if size > LARGEST:
            msg = f"it stands for more than {LARGEST:,} characters of JSON"
            raise ValueError(msg)
    return "".join(parts)


def _whole(document: Any) -> Any:
    """JSON data, unless it holds half a character, which no UTF-8 can."""
    text = json.dumps(document, ensure_ascii=False)
    try:
        text.encode()
    except UnicodeEncodeError as error:
        before = text[max(error.start - 40, 0) : error.start]
        msg = f"{text[error.start]!r} is half a character; it stands after {before!r}"
        raise ValueError(msg) from None
    return document


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object, unless one of its values would be lost."""
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        msg = f"the key {next(name for name in names if names.count(name) > 1)!r} stands twice in one object"
        raise ValueError(msg)
    return found


def _no_constant(name: str) -> Any:
    msg = f"{name} is no JSON"
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
    """UTF-8 text.

    Raises:
        SpecError: It is something else.
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
    """The one way the project writes JSON."""
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def shown(path: Path) -> str:
    """A path as printed: relative to the project where it can be."""
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else str(path)
